"""Writes the reference from the code: models, quantities, choices, constants, flags, and the tables of the how-to.

Run it from anywhere: `python docs/reference/make.py`. `tests/test_docs.py` fails where what is committed is not
what this script makes.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from perspect.app.describe import models, plans
from perspect.app.settings import PLANS
from perspect.evidence import QUESTIONS, Condition
from perspect.evidence import row as row_of
from perspect.evidence.row import Proportion
from perspect.phantom import SCENARIOS, Biology, Compartment
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.biology import HEALTHY, Source
from perspect.phantom.biology import SOURCES as SOURCES_OF_HEALTHY
from perspect.phantom.scenarios import Shell
from perspect.pitfalls import KINDS
from perspect.report.exhibits import DCE_ORDER, DSC_ORDER
from perspect.report.schema import json_schema
from perspect.vocabulary import FAILED_FROM, Quantity, Status, lexicon, marker

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ROOT / "src" / "perspect"
HOW_TO: Final = ("docs/how-to/dsc.md", "docs/how-to/dce.md")
MADE: Final = "<!-- Made from the code by docs/reference/make.py: change the code, not this page. -->"

SCIENCE: Final = ("dsc", "dce", "asl", "mrs", "anatomy", "fit", "models", "lesion", "pitfalls", "evidence")
"""The folders whose constants decide numbers."""

FLAGGING: Final = ("dsc", "dce", "asl", "mrs", "anatomy", "lesion", "pitfalls", "io", "app")
"""The folders that raise flags."""

LONGEST: Final = 90
"""Letters of a value that are shown whole."""


def pages() -> dict[str, str]:
    """Every page by its path in the repository; those of people with their generated parts renewed."""
    return {
        "docs/reference/models.md": model_page(),
        "docs/reference/quantities.md": quantity_page(),
        "docs/reference/plan.md": plan_page(),
        "docs/reference/constants.md": constant_page(),
        "docs/reference/flags.md": flag_page(),
        "docs/reference/patients.md": patient_page(),
        "docs/reference/evidence.md": evidence_page(),
        "docs/reference/traps.md": trap_page(),
        "docs/reference/findings.schema.json": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
        **{name: renewed((ROOT / name).read_text(encoding="utf-8")) for name in HOW_TO if (ROOT / name).exists()},
    }


def model_page() -> str:
    """Every model, one under the other, with a list of them first."""
    found = models()
    listed = "\n".join(f"- [`{name}`](#{_anchor(_title(page))})" for name, page in found.items())
    bodies = [_deeper(page).strip() for page in found.values()]
    words = (
        "What each signal model is. A model is one file in `src/perspect/models`; the terminal shows the same page:\n"
    )
    words += "`perspect describe model NAME`."
    return _page("Models", words, listed, *bodies)


def quantity_page() -> str:
    """Every quantity in one table."""
    head = (
        "key",
        "symbol",
        "name",
        "unit in files",
        "unit inside",
        "bounds (in files)",
        "window",
        "CAPLEX",
        "DICOM",
        "meaning",
    )
    rows = [
        (
            f"`{one.key}`", one.symbol, one.name, one.shown_unit,
            "the same" if one.shown_factor == 1 else f"{one.unit} (× {one.shown_factor:g})",
            f"{one.low * one.shown_factor:g} to {one.high * one.shown_factor:g}",
            f"{one.display[0]:g} to {one.display[1]:g}", one.caplex or "none",
            f"{one.dicom.value}, {one.dicom.scheme}" if one.dicom else "none", one.meaning,
        )
        for one in lexicon.ALL
    ]  # fmt: skip
    words = (
        "What each number means, from `src/perspect/vocabulary/lexicon.py`. The window is that of its colours on the\n"
    )
    words += (
        "page. CAPLEX codes that end in 999 say that the lexicon of OSIPI lists no such quantity. In the terminal:\n"
    )
    words += "`perspect describe quantity KEY`."
    return _page("Quantities", words, _table(head, rows))


def plan_page() -> str:
    """Every choice of every room."""
    parts = []
    for room in PLANS:
        rows = []
        for key, text in plans().items():
            heading, _, meaning = text.partition("\n")
            found = re.fullmatch(r"(\w+): (.*) \(default (.*)\)", heading)
            if key.startswith(f"{room}.") and found is not None:
                rows.append((f"`{key}`", found[2], f"`{found[3]}`", " ".join(meaning.split())))
        parts += [f"## {room}", _table(("choice", "values", "default", "what it does"), rows)]
    words = (
        "What may be chosen. On the command line `--set dsc.leakage=bsw`, in a file for `--plan` a table `[dsc]` with\n"
    )
    words += (
        '`leakage = "bsw"`, in Python `perspect.dsc.Plan(leakage="bsw")`. In the terminal: `perspect describe plan`.'
    )
    return _page("Choices", words, *parts)


def constant_page() -> str:
    """Every constant that has a sentence, file by file."""
    parts = []
    for path in _modules(SCIENCE):
        rows = list(_constants(ast.parse(path.read_text(encoding="utf-8"))))
        if rows:
            parts += [f"## `{_shown(path)}`", _table(("constant", "value", "what it is"), rows)]
    words = (
        "Every number that the science decides by, where it is written. [our default] marks those that are our own\n"
    )
    words += "choice and not a published value."
    return _page("Constants", words, *parts)


def flag_page() -> str:
    """Every flag that a run can raise: its code, severity and sentence, with … for what the run fills in."""
    rows = []
    for path in _modules(FLAGGING):
        found = _flags(ast.parse(path.read_text(encoding="utf-8")))
        rows += [(f"`{code}`", severity, sentence, f"`{_shown(path)}`") for code, severity, sentence in found]
    rows = sorted(dict.fromkeys(rows))
    words = (
        'What a run can remark on. Severities: NOTE, CAUTION, LIMITED, REFUSED; the page answers "can these numbers\n'
    )
    words += 'be trusted?" by the gravest. … stands for what the run fills in.'
    return _page("Flags", words, _table(("code", "severity", "sentence", "raised in"), rows))


def trap_page() -> str:
    """Every kind of trap: by which numbers it is told, where they are from, and what is to be done."""
    rows = []
    for one in KINDS.values():
        numbers = "; ".join(
            f"{name} {number.value:g} {number.unit} ({number.origin}{f': {number.source}' if number.source else ''})"
            for name, number in one.thresholds.items()
        )
        rows.append((f"`{one.code}`", one.title, numbers, one.action))
    words = (
        "What fakes a number, from `src/perspect/pitfalls/thresholds.toml`, one file for each detector beside it.\n"
        "Numbers that are *calibrated* were chosen on virtual patients by `benchmarks/traps.py`; *our default* marks\n"
        "those that nobody has published. How each looks, and how often it is found: [learn](../learn/traps.md)."
    )
    return _page("Traps", words, _table(("code", "trap", "told by", "what is to be done"), rows))


def patient_page() -> str:
    """What virtual patients are made of: healthy tissue, then each scenario, then the traps of anatomy."""
    parts = ["## Healthy tissue", _biology_table(HEALTHY), "Sources:", _source_list(SOURCES_OF_HEALTHY)]
    for one in SCENARIOS:
        low, high = one.volume
        foci = f"{one.foci[0]} to {one.foci[1]} lesions" if one.foci[1] > 1 else "one lesion"
        core = ", ".join(_shell(shell, "of the core") for shell in one.core)
        around = ", ".join(_shell(shell, "times the core") for shell in one.around)
        hallmark = one.hallmark.name.lower().replace("_", " ")
        said = (
            f"{one.title}: {foci}, core of {low:g} to {high:g} mL. From the inside out: {core}. Around it: {around}. "
            f"Mean rCBV of {hallmark} between {one.rcbv[0]:g} and {one.rcbv[1]:g}."
        )
        parts += [f"## {one.name}", said, _biology_table(one.biology), _source_list(one.sources)]
    traps = _table(("name", "what it is"), [(f"`{one.name}`", one.sentence) for one in TRAPS if one.insert is not None])
    words = (
        "What virtual patients are made of, at 3 T, from `src/perspect/phantom/biology.py` and `scenarios.py`. Ranges\n"
        "are over places within a tissue. Blood volume (vp) counts what the agent fills; the haematocrit is zero.\n"
        "Numbers of lesions that no source listed beside them gives are our default. How it is made:\n"
        "[virtual patients](../learn/patients.md)."
    )
    return _page("Virtual patients", words, *parts, "## Traps of anatomy", traps)


def _shell(shell: Shell, of: str) -> str:
    name = shell.compartment.name.lower().replace("_", " ")
    patches = f" (with islands of {shell.patches.name.lower()})" if shell.patches is not None else ""
    ring = f" (an open ring: {shell.open:.0%} is missing)" if shell.open else ""
    return f"{name}{patches}{ring} {_range(shell.share, 1.0)} {of}"


def _biology_table(biology: Mapping[Compartment, Biology]) -> str:
    """One compartment to a row, in the units that readers expect (the code holds mL/mL, s, 1/s, mm²/s)."""
    head = (
        "compartment", "vp (%)", "MTT (s)", "delay (s)", "PS (1/min)", "ve (%)", "kp", "ke (1/s/mM)", "transit (s)",
        "T1 (s)", "T2 (ms)", "R2* (1/s)", "spins", "ADC (10⁻³ mm²/s)", "χ (ppm)", "metabolites (mM)",
    )  # fmt: skip
    scaled = (
        ("vp", 100.0), ("mtt", 1.0), ("delay", 1.0), ("ps", 60.0), ("ve", 100.0), ("kp", 1.0), ("ke", 1.0),
        ("transit", 1.0), ("t1", 1.0), ("t2", 1e3), ("r2star", 1.0), ("spins", 1.0), ("adc", 1e3),
    )  # fmt: skip
    rows = []
    for compartment, one in biology.items():
        amounts = "; ".join(f"{name} {_range(spread, 1.0)}" for name, spread in one.amounts.items())
        cells = (_range(getattr(one, name), factor) for name, factor in scaled)
        rows.append((compartment.name.lower(), *cells, f"{one.susceptibility:g}", amounts))
    return _table(head, rows)


def _range(spread: tuple[float, float], factor: float) -> str:
    low, high = (f"{value * factor:.4g}" for value in spread)
    return low if low == high else f"{low} to {high}"


def _source_list(sources: Iterable[Source]) -> str:
    return "\n".join(f"- {one.who}, {one.where}: {one.what}" for one in sources)


def evidence_page() -> str:
    """Every published row, by question: what a verdict may rest on, and what is context only."""
    words = (
        "What published studies say, by question, from `src/perspect/evidence/sources.toml`. Only rows of status\n"
        "*verified* with a cut-off and both proportions may feed a verdict, and only where their conditions hold\n"
        "([learn](../learn/answers.md)). Intervals are those of 95 %, printed, or Wilson's with half of the patients."
    )
    parts = []
    for one in QUESTIONS:
        rows = []
        for use in one.uses:
            for name in use.rows:
                row = row_of(name)
                rows.append(
                    (
                        str(marker(row.marker)), str(use.family),
                        "" if row.cutoff is None else f"{'above' if row.direction == 'high' else 'below'} {row.cutoff}"
                        f" ({row.cutoff.origin})",
                        _rate(row.sensitivity), _rate(row.specificity) + (" (from its AUC)" if row.derived else ""),
                        str(row.n_patients or ""), "yes" if row.may_feed else f"no: {row.status}",
                        "; ".join(_demand(condition) for condition in row.conditions), row.reference,
                    )
                )  # fmt: skip
        head = ("marker", "family", "cut-off", "sensitivity", "specificity", "n", "feeds a verdict", "where", "source")
        parts.append(f"## {one.title}\n\n`{one.key}`: {one.asks}\n\n{_table(head, rows)}")
    return _page("Evidence", words, *parts)


def _rate(one: Proportion | None) -> str:
    return "" if one is None else f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"


def _demand(one: Condition) -> str:
    if one.equals is not None:
        return f"{one.fact} = {str(one.equals).lower()}"
    return f"{one.fact} {one.low:g} to {one.high:g}".replace(" -inf to ", " up to ").replace(" to inf", " or more")


def renewed(text: str) -> str:
    """A page with the parts between `<!-- made: NAME -->` and `<!-- end -->` made anew."""
    tables = {
        "maps": map_table,
        "dce_maps": dce_map_table,
        "dce_refusals": dce_refusal_table,
        "status": status_table,
        "refusals": refusal_table,
    }

    def anew(found: re.Match[str]) -> str:
        return f"{found[1]}\n{tables[found[2]]()}\n{found[3]}"

    return re.sub(r"(<!-- made: (\w+) -->)\n.*?(<!-- end -->)", anew, text, flags=re.DOTALL)


def map_table() -> str:
    """The maps that a run of DSC writes, in the order of the page."""
    known = {one.key: one for one in reversed(lexicon.ALL)}  # of two with one key, the first is that of DSC
    return _maps("dsc", known, DSC_ORDER)


def dce_map_table() -> str:
    """The maps that a run of DCE may write, in the order of the page."""
    return _maps("dce", {one.key: one for one in lexicon.ALL}, DCE_ORDER)


def _maps(room: str, known: Mapping[str, Quantity], order: Sequence[str]) -> str:
    rows = [
        (f"`desc-{room}_{key}.nii.gz`", known[key].symbol, known[key].shown_unit, known[key].meaning) for key in order
    ]
    return _table(("file", "symbol", "unit", "what it is"), rows)


def status_table() -> str:
    """The legend of every status map."""
    rows = [(str(int(one)), f"`{one.name}`", one.sentence, "no" if one >= FAILED_FROM else "yes") for one in Status]
    return _table(("code", "name", "meaning", "has a value"), rows)


def refusal_table() -> str:
    """Every refusal of the DSC room: what is wrong, why it matters, what to do."""
    return _refusals("dsc")


def dce_refusal_table() -> str:
    """Every refusal of the DCE room."""
    return _refusals("dce")


def _refusals(room: str) -> str:
    """Those of the room itself, then those of what it aligns and reads with."""
    rows = []
    for path in (*_modules((room,)), SOURCES / "anatomy" / "aligned.py", SOURCES / "io" / "identity.py"):
        for call, texts in _calls(ast.parse(path.read_text(encoding="utf-8")), "Refusal"):
            rows.append(tuple(_sentence(argument, texts) for argument in call.args[:3]))
    return _table(("what is said", "why it matters", "what to do"), rows)


def _flags(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    for call, texts in (*_calls(tree, "Flag"), *_calls(tree, "_flag")):
        code, severity, sentence = call.args[:3]
        if isinstance(code, ast.Constant):
            yield str(code.value), _severity(severity), _sentence(sentence, texts)
    for call, texts in _calls(tree, "Trap"):
        code, severity, sentence = call.args[:3]
        if (name := _sentence(code, texts)) in KINDS:
            yield name, _severity(severity), _sentence(sentence, texts)
    for call, texts in _calls(tree, "masked"):
        _, code, _, sentence = call.args[:4]
        if (name := _sentence(code, texts)) in KINDS:
            yield name, "NOTE, CAUTION or LIMITED, by share", _sentence(sentence, texts)
    for call, texts in _calls(tree, "_found"):
        level, code, sentence = call.args[:3]
        if isinstance(code, ast.Constant):
            yield str(code.value), _severity(level), _sentence(sentence, texts)
    for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For)):
        target = loop.target
        is_table = isinstance(target, ast.Tuple) and [ast.unparse(one) for one in target.elts][:1] == ["code"]
        if is_table and isinstance(loop.iter, ast.Tuple):
            for row in loop.iter.elts:
                code, *_, sentence = ast.literal_eval(_plain(row))
                yield code, "NOTE or CAUTION, by share", f"… {sentence}"


def _plain(row: ast.expr) -> ast.expr:
    """A row of a table whose names are taken for words."""
    elements = row.elts if isinstance(row, ast.Tuple) else []
    words = [one if isinstance(one, ast.Constant) else ast.Constant(ast.unparse(one)) for one in elements]
    return ast.Tuple(list(words), ast.Load())


SEVERITIES: Final = {
    "Severity.NOTE": "NOTE",
    "Severity.CAUTION": "CAUTION",
    "Severity.LIMITED": "LIMITED",
    "Severity.REFUSED": "REFUSED",
    "Reliability.ACCEPTABLE": "NOTE",
    "Reliability.LIMITED": "LIMITED",
    "Reliability.UNRELIABLE": "LIMITED",
    "level": "NOTE or LIMITED",
    "severity": "by size",
}
"""How a severity is written in the code, and what it is; a reliability class becomes a severity (dsc/quality.py)."""


def _severity(node: ast.expr) -> str:
    if isinstance(node, ast.IfExp):
        return " or ".join(dict.fromkeys((_severity(node.orelse), _severity(node.body))))
    return SEVERITIES.get(ast.unparse(node), "by size")


def _sentence(node: ast.expr, texts: dict[str, str]) -> str:
    """The words of a text, a formatted text or a named text; … for the rest."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_sentence(part, texts) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _sentence(node.left, texts) + _sentence(node.right, texts)
    return texts.get(ast.unparse(node), "…")


def _calls(tree: ast.Module, name: str) -> Iterator[tuple[ast.Call, dict[str, str]]]:
    """Every call of a name with three arguments or more, and the texts that were named before it."""
    module = _imported(tree) | _texts(tree.body)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == name and len(call.args) > 2:
                before = sorted((one for one in inside if one.lineno < call.lineno), key=lambda one: one.lineno)
                yield call, module | _texts(before)


def _imported(tree: ast.Module) -> dict[str, str]:
    """The texts that other modules of perspect give the names that a module takes from them."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("perspect."):
            path = SOURCES.parent / f"{str(node.module).replace('.', '/')}.py"
            if path.is_file():
                texts = _texts(ast.parse(path.read_text(encoding="utf-8")).body)
                found |= {one.asname or one.name: texts[one.name] for one in node.names if one.name in texts}
    return found


def _texts(statements: Iterable[ast.stmt]) -> dict[str, str]:
    """The texts that statements give a name, with what is added to them."""
    found: dict[str, str] = {}
    for node in statements:
        for name, value in _assigned(node):
            if isinstance(value, ast.Constant | ast.JoinedStr):
                found[name] = _sentence(value, found)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id in found:
            found[node.target.id] += _sentence(node.value, found)
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    for node, after in zip(tree.body, tree.body[1:], strict=False):
        said = after.value if isinstance(after, ast.Expr) else None
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            for name, value in _assigned(node):
                if name.isupper() and not name.startswith("_"):
                    yield f"`{name}`", f"`{_short(ast.unparse(value))}`", " ".join(said.value.split())


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    for target in targets:
        if isinstance(target, ast.Name) and value is not None:
            yield target.id, value


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 2]} …"


def _modules(folders: Iterable[str]) -> list[Path]:
    return [path for folder in folders for path in sorted((SOURCES / folder).glob("*.py"))]


def _shown(path: Path) -> str:
    return path.relative_to(SOURCES).as_posix()


def _title(page: str) -> str:
    return page.splitlines()[0].lstrip("# ")


def _anchor(title: str) -> str:
    return re.sub(r"[^\w-]", "", title.lower().replace(" ", "-"))


def _deeper(page: str) -> str:
    """A page as a section: its headings one level down."""
    return re.sub(r"^#", "##", page, flags=re.MULTILINE)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *parts)) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in (head, *rows)]
    first, *body = (f"| {line} |" for line in lines)
    return "\n".join((first, f"|{'---|' * len(head)}", *body))


if __name__ == "__main__":
    for where, text in pages().items():
        (ROOT / where).write_text(text, encoding="utf-8")
