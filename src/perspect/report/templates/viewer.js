"use strict";
// Linked views of the images that stand in this page. Where a browser has no WebGL the pictures below say the same.
(async () => {
  const box = document.getElementById("views");
  const settings = JSON.parse(document.getElementById("views-settings").textContent);
  const bytes = (id) => Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (c) => c.charCodeAt(0));
  const unpacked = (packed) => new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
  const canvas = box.querySelector("canvas");
  if (!document.createElement("canvas").getContext("webgl2") || !("DecompressionStream" in window)) return;
  const script = document.createElement("script");
  script.textContent = await unpacked(bytes("niivue")).text();
  document.head.append(script);
  box.hidden = false;
  const nv = new window.niivue.Niivue({
    backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.55], crosshairWidth: 0.25, crosshairGap: 8, show3Dcrosshair: false,
    isRadiologicalConvention: true, isOrientationTextVisible: true, showAllOrientationMarkers: true, isColorbar: false, dragAndDropEnabled: false,
    fontSizeScaling: 0.5, fontMinPx: 12, fontColor: [1, 1, 1, 1], loadingText: "", logLevel: "silent", tileMargin: 6,
    sagittalNoseLeft: true, isHighResolutionCapable: true, multiplanarEqualSize: false,
  });
  await nv.attachToCanvas(canvas);
  nv.setMultiplanarLayout(window.niivue.MULTIPLANAR_TYPE.ROW);
  nv.opts.multiplanarShowRender = window.niivue.SHOW_RENDER.NEVER;
  nv.setSliceType(nv.sliceTypeMultiplanar);
  const loaded = new Map();
  for (const one of settings.images) {
    const raw = await unpacked(bytes("image-" + one.key)).arrayBuffer();
    const image = await window.niivue.NVImage.new(raw, one.key + ".nii");
    if (one.table.length) {
      const parts = [0, 1, 2, 3].map((at) => one.table.map((colour) => colour[at]));
      if (one.kind === "map") {
        nv.addColormap(one.key, { R: parts[0], G: parts[1], B: parts[2], A: parts[3], I: one.table.map((_, at) => at) });
        image.colormap = one.key;
        image.cal_min = 0;
        image.cal_max = 255;
      } else {
        image.setColormapLabel({ R: parts[0], G: parts[1], B: parts[2], A: parts[3], I: one.table.map((_, at) => at) });
      }
    } else {
      image.cal_min = 0;
      image.cal_max = 255;
    }
    loaded.set(one.key, image);
  }
  const chosen = (name) => box.querySelector(`input[name="${name}"]:checked`).value;
  const show = () => {
    const over = chosen("over");
    const lined = box.querySelector("#lines").checked;
    const own = loaded.has("own-" + over) ? ["own-" + over] : [];
    const keys = ["canvas", chosen("image"), ...(over ? [over] : []), ...(lined ? ["outlines", ...own] : [])];
    nv.volumes = keys.map((key) => loaded.get(key));
    for (const one of settings.images) {
      loaded.get(one.key).opacity = one.kind === "map" || one.kind === "classes" ? box.querySelector("#opacity").value / 100 : 1;
    }
    nv.setVolume(nv.volumes[0], 0);
    nv.updateGLVolume();
    for (const bar of box.querySelectorAll("[data-bar]")) bar.hidden = bar.dataset.bar !== over;
    nv.drawScene();
  };
  // Numbers of every map at the cross: what was packed in 255 steps is read back in its own unit.
  const said = (mm) => settings.images.filter((one) => one.kind === "map").map((one) => {
    const image = loaded.get(one.key);
    const vox = image.mm2vox([mm[0], mm[1], mm[2]]);
    const [nx, ny, nz] = image.dimsRAS.slice(1, 4);
    const [x, y, z] = vox.map(Math.round);
    const inside = x >= 0 && y >= 0 && z >= 0 && x < nx && y < ny && z < nz;
    const level = inside ? image.getValue(x, y, z) : 0;
    const value = one.low + ((level - 1) / 254) * (one.high - one.low);
    const sign = level === 255 ? "≥ " : level === 1 ? "≤ " : "";
    return [one.title, level ? sign + value.toPrecision(2) + (one.unit ? " " + one.unit : "") : "–"];
  });
  nv.onLocationChange = (at) => {
    const place = [["R", "L"], ["A", "P"], ["S", "I"]].map(([plus, minus], k) => (at.mm[k] >= 0 ? plus : minus) + " " + Math.abs(at.mm[k]).toFixed(0));
    const list = box.querySelector("output");
    list.replaceChildren(...[["at", place.join("  ") + " mm"], ...said(at.mm)].map(([name, value]) => {
      const span = document.createElement("span");
      const b = document.createElement("b");
      b.textContent = value;
      span.append(name + " ", b);
      return span;
    }));
  };
  box.querySelectorAll("input").forEach((one) => one.addEventListener("input", show));
  const move = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0], PageUp: [0, 0, 1], PageDown: [0, 0, -1] };
  const go = (mm) => {
    nv.scene.crosshairPos = nv.mm2frac(mm);
    nv.createOnLocationChange();
    nv.drawScene();
  };
  canvas.addEventListener("keydown", (event) => {
    const step = move[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const mm = nv.frac2mm(nv.scene.crosshairPos);
    go([mm[0] - 2 * step[0], mm[1] + 2 * step[1], mm[2] + 2 * step[2]]);
  }, true);
  box.querySelector("#home").addEventListener("click", () => go(settings.focus));
  show();
  go(settings.focus);
  document.documentElement.dataset.views = "ready";
})();
