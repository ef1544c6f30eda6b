"""Every quantity that perspect speaks of, each written once: unit, bounds, symbol, codes, window and colours.

CAPLEX codes: OSIPI_CAPLEX, docs/quantities.md (2025-06). Where CAPLEX lists no such quantity the code ends in 999
("not listed") and the name is our own. DICOM codes: PS3.16, CID 4107 and 4108.
"""

from typing import Final

from perspect.vocabulary.quantity import Code, Quantity

_MINUTE: Final = 60.0

# --- curves -----------------------------------------------------------------------------------------------------------
SIGNAL = Quantity("signal", "Signal", "S", "a.u.", 0.0, 1e9, "What the scanner stores.", caplex="Q.MS1.001")
BASELINE = Quantity(
    "baseline", "Baseline signal", "S_BL", "a.u.", 0.0, 1e9, "Mean signal before the bolus arrives.",
    caplex="Q.MS1.002",
    colours="gray",
)
DELTA_R2STAR = Quantity(
    "delta_r2star", "Change in transverse relaxation rate", "ΔR2*", "1/s", -200.0, 1000.0,
    "Change of R2* since rest, -ln(S/S_BL)/TE; proportional to the local amount of agent.",
    ucum="/s", caplex="Q.EL1.009",
)
CONCENTRATION = Quantity(
    "concentration", "Indicator concentration", "C", "mM", -10.0, 100.0, "Amount of agent per volume.",
    ucum="mmol/L", caplex="Q.IC1.001",
)

# --- DSC --------------------------------------------------------------------------------------------------------------
CBV = Quantity(
    "cbv", "Cerebral blood volume", "CBV", "mL/mL", 0.0, 1.0,
    "Blood volume per volume of tissue: the area under its curve, to the scale of the arterial area or of normal white "
    "matter.",
    "mL/100 mL", 100.0, "mL/(100.mL)", "Q.PH1.001.b", Code("113056", "DCM", "Regional Cerebral Blood Volume"),
    (0.0, 8.0),
)
RCBV = Quantity(
    "rcbv", "Relative cerebral blood volume", "rCBV", "1", 0.0, 100.0,
    "Leakage-corrected blood volume divided by that of normal-appearing white matter.",
    "ratio", 1.0, "1", "Q.PH1.999", Code("126398", "DCM", "Relative Regional Blood Volume"), (0.0, 6.0),
)
SRCBV = Quantity(
    "srcbv", "Standardised relative cerebral blood volume", "srCBV", "1", -1.0, 100.0,
    "Blood volume on perspect's own standard scale, found from landmarks of the whole-brain histogram without a region "
    "of interest; not interchangeable with the scale of any other software.",
    "standard units", 1.0, "1", "Q.PH1.999", None, (0.0, 8.0),
)
CBF = Quantity(
    "cbf", "Cerebral blood flow", "CBF", "1/s", 0.0, 0.1,
    "Blood flow per volume of tissue: the maximum of the flow-scaled residue function.",
    "mL/100 mL/min", 100.0 * _MINUTE, "mL/(100.mL)/min", "Q.PH1.003",
    Code("113055", "DCM", "Regional Cerebral Blood Flow"), (0.0, 100.0),
)
MTT = Quantity(
    "mtt", "Mean transit time", "MTT", "s", 0.0, 60.0, "Mean time that blood stays in the voxel: CBV/CBF.",
    ucum="s", caplex="Q.PH1.006", dicom=Code("113052", "DCM", "Mean Transit Time"), display=(0.0, 12.0),
    colours="viridis",
)
TMAX = Quantity(
    "tmax", "Time to maximum of the residue function", "Tmax", "s", -20.0, 60.0,
    "When the residue function peaks, counted from the arterial input: delay plus dispersion.",
    ucum="s", caplex="Q.PH1.999", dicom=Code("113084", "DCM", "Tmax"), display=(0.0, 8.0), colours="viridis",
)
TTP = Quantity(
    "ttp", "Time to peak", "TTP", "s", -20.0, 120.0,
    "Time of the largest ΔR2*, counted from the arrival of the bolus in the whole brain.",
    ucum="s", caplex="Q.CD1.010", dicom=Code("113069", "DCM", "Time To Peak"), display=(0.0, 15.0), colours="viridis",
)
DELAY = Quantity(
    "delay", "Arterial delay time", "T_a", "s", -20.0, 60.0,
    "When the residue function has risen to half its maximum, counted from the arterial input.",
    ucum="s", caplex="Q.PH1.007", display=(-2.0, 6.0), colours="viridis",
)
PSR = Quantity(
    "psr", "Percentage of signal recovery", "PSR", "1", -20.0, 20.0,
    "How much of the signal lost at the peak of the bolus has come back in the tail; depends strongly on the protocol.",
    "%", 100.0, "%", "Q.CD1.999", None, (0.0, 150.0), "cividis",
)
LOG_PSR = Quantity(
    "lpsr", "Log-normalised percentage of signal recovery", "ln nPSR", "1", -10.0, 10.0,
    "Natural logarithm of the signal recovery divided by that of normal-appearing white matter.",
    "1", 1.0, "1", "Q.CD1.999", None, (-1.0, 1.0), "RdBu_r",
)
PH = Quantity(
    "ph", "Peak height", "PH", "1/s", -50.0, 1000.0, "The largest ΔR2* of the first pass.",
    ucum="/s", caplex="Q.CD1.999", display=(0.0, 40.0),
)
K1 = Quantity(
    "k1", "Uncontaminated R2* scaling term", "K1", "1", -100.0, 100.0,
    "How much of the reference curve of non-enhancing tissue is in the voxel's curve.",
    caplex="Q.LC1.001", display=(0.0, 5.0),
)
K2 = Quantity(
    "k2", "Leakage scaling term", "K2", "1/s", -10.0, 10.0,
    "Leakage of agent out of the vessels; positive where it raises the signal (T1), negative where it lowers it (T2*).",
    ucum="/s", caplex="Q.LC1.002", display=(-0.05, 0.05), colours="RdBu_r",
)
KEP_LEAKAGE = Quantity(
    "kep", "Indicator exchange rate", "kep", "1/s", 0.0, 0.05,
    "Rate at which leaked agent returns to the vessels.", ucum="/s", caplex="Q.PH1.009.e->p",
    dicom=Code("126313", "DCM", "kep"), display=(0.0, 0.05),
)
AT_ONCE = Quantity(
    "k1_at_once", "Share of the reference curve that passes as in the reference", "K1'", "1", -100.0, 100.0,
    "K1 times the transit time of the reference over that of the voxel, which may be shorter.", caplex="Q.LC1.999",
)
TRANSIT_TIME = Quantity(
    "transit", "Transit time of the voxel beside that of the reference", "T", "s", 1.0, 20.0,
    "Mean time that blood stays in the voxel, as the form of its curve beside that of the reference says.",
    ucum="s", caplex="Q.PH1.006", spacing="log",
)
LEAK_R1 = Quantity(
    "leak_r1", "Longitudinal leakage term", "κ", "1/s", 0.0, 0.2,
    "How fast leaked agent raises R1, per integral of the reference curve.", ucum="/s", caplex="Q.LC1.999",
)

# --- first pass -------------------------------------------------------------------------------------------------------
PEAK = Quantity(
    "peak", "Peak of the first pass", "y_max", "1/s", 0.0, 2000.0, "Height of the gamma-variate.", ucum="/s"
)
ARRIVAL = Quantity(
    "arrival", "Bolus arrival time", "BAT", "s", -60.0, 600.0, "When the first agent arrives.", ucum="s",
    caplex="Q.BA1.001", dicom=Code("126371", "DCM", "Bolus Arrival Time"),
)
RISE = Quantity(
    "rise", "Time from arrival to peak", "t_m", "s", 0.5, 40.0, "Of the gamma-variate.", ucum="s", spacing="log"
)
SHAPE = Quantity("shape", "Shape of the gamma-variate", "α", "1", 0.3, 20.0, "Large is symmetric.", spacing="log")

# --- DCE and T1 -------------------------------------------------------------------------------------------------------
KTRANS = Quantity(
    "ktrans", "Volume transfer constant", "Ktrans", "1/s", 0.0, 0.1, "Transfer of agent from plasma into the tissue.",
    "1/min", _MINUTE, "/min", "Q.PH1.008", Code("126312", "DCM", "Ktrans"), (0.0, 0.3),
)
VE = Quantity(
    "ve", "Volume fraction of the extravascular extracellular space", "ve", "1", 0.0, 1.0, "Where leaked agent can go.",
    caplex="Q.PH1.001.e", dicom=Code("126314", "DCM", "ve"), display=(0.0, 0.6),
)
VP = Quantity(
    "vp", "Volume fraction of blood plasma", "vp", "1", 0.0, 1.0, "Plasma per volume of tissue.",
    caplex="Q.PH1.001.p", dicom=Code("126331", "DCM", "vp"), display=(0.0, 0.15),
)
KEP = Quantity(
    "kep", "Indicator exchange rate", "kep", "1/s", 1e-5, 1.0, "Rate at which leaked agent returns to the plasma.",
    "1/min", _MINUTE, "/min", "Q.PH1.009.e->p", Code("126313", "DCM", "kep"), (0.0, 2.0), spacing="log",
)
T1 = Quantity(
    "T1map", "Longitudinal relaxation time", "T1", "s", 0.02, 10.0, "Of the tissue before agent.",
    caplex="Q.EL1.002", ucum="s", dicom=Code("113063", "DCM", "T1"), display=(0.0, 2.5), colours="viridis",
    spacing="log",
)
S0 = Quantity("s0", "Signal scaling factor", "S0", "a.u.", 0.0, 1e9, "Fully relaxed signal.", caplex="Q.MS1.010")

PS = Quantity(
    "ps", "Permeability surface area product", "PS", "1/s", 0.0, 0.1, "Exchange of agent through the vessel wall.",
    "1/min", _MINUTE, "/min", "Q.PH1.004", None, (0.0, 0.3),
)

FP = Quantity(
    "fp", "Blood plasma flow", "Fp", "1/s", 0.0, 0.1, "Plasma that flows through a volume of tissue.",
    "mL/100 mL/min", 100.0 * _MINUTE, "mL/(100.mL)/min", "Q.PH1.002", None, (0.0, 60.0),
)
EXTRACTION = Quantity(
    "extraction", "Extraction fraction", "E", "1", 0.0, 1.0,
    "Share of the agent that leaves the plasma during one passage.", caplex="Q.PH1.005",
)
ARTERIAL_DELAY = Quantity(
    "delay", "Arterial delay time", "T_a", "s", -3.0, 10.0,
    "How much later agent comes to the tissue than to where the arterial input was measured.", ucum="s",
    caplex="Q.PH1.007", display=(-2.0, 6.0), colours="viridis",
)
CAPILLARY_TIME = Quantity(
    "tc", "Capillary transit time", "Tc", "s", 0.3, 30.0, "Time that plasma takes through the capillaries: vp/Fp.",
    ucum="s", caplex="Q.PH1.006", spacing="log",
)
WASHOUT_FAST = Quantity(
    "k_fast", "Fast rate of the impulse response", "K+", "1/s", 5e-3, 3.0,
    "Rate at which plasma is replaced, by flow and by exchange.", ucum="/s", spacing="log",
)
WASHOUT_SLOW = Quantity(
    "k_slow", "Slow rate of the impulse response", "K-", "1/s", 1e-5, 0.1,
    "Rate at which leaked agent leaves the tissue.", ucum="/s", spacing="log",
)
FAST = Quantity(
    "a_fast", "Amplitude of the fast response", "A+", "1/s", 0.0, 0.2, "Share of the plasma flow that washes out fast.",
    ucum="/s",
)
SLOW = Quantity(
    "a_slow", "Amplitude of the slow response", "A-", "1/s", 0.0, 0.2, "Share of the plasma flow that stays.", ucum="/s"
)
PASSING = Quantity(
    "fp_passing", "Plasma flow that is not extracted", "Fp - Ktrans", "1/s", 0.0, 0.1, "Fp (1 - E).", ucum="/s"
)
REL_KTRANS = Quantity(
    "rktrans", "Relative volume transfer constant", "rKtrans", "1", 0.0, 50.0,
    "Ktrans of the tissue divided by that of the reference region.", "ratio", caplex="Q.PH1.999", display=(0.0, 3.0),
)
REL_VE = Quantity(
    "rve", "Relative extravascular extracellular volume", "rve", "1", 0.0, 50.0,
    "ve of the tissue divided by that of the reference region.", "ratio", caplex="Q.PH1.999", display=(0.0, 3.0),
)
REL_DELAY = Quantity(
    "rdelay", "Arrival relative to the reference region", "ΔT_a", "s", -10.0, 10.0,
    "How much later agent comes to the tissue than to the reference region.", ucum="s", caplex="Q.PH1.999",
    display=(-4.0, 4.0), colours="viridis",
)
KEP_REFERENCE = Quantity(
    "kep_reference", "Indicator exchange rate of the reference region", "kep,RR", "1/s", 0.0, 1.0,
    "As this voxel's curve tells it.", "1/min", _MINUTE, "/min", "Q.PH1.009.e->p",
)
REL_RETURN = Quantity(
    "rreturn", "Excess of the reference's washout", "R (kep,RR - kep)", "1/s", -50.0, 50.0, "Inside the fit.", ucum="/s"
)
ENHANCEMENT = Quantity(
    "enhancement", "Relative enhancement", "(S-S0)/S0", "1", -1.0, 50.0,
    "Mean signal of the last tenth of the series over that at rest, less one.", "%", 100.0, "%", "Q.CD1.999", None,
    (0.0, 150.0),
)
MAX_ENHANCEMENT = Quantity(
    "maxenhancement", "Largest relative enhancement", "max (S-S0)/S0", "1", -1.0, 50.0,
    "Largest signal over that at rest, less one.", "%", 100.0, "%", "Q.CD1.999", None, (0.0, 200.0),
)
WASH_IN = Quantity(
    "washin", "Wash-in slope", "WIS", "mM/s", -1.0, 10.0, "Steepest rise between arrival and peak.",
    "mM/min", _MINUTE, "mmol/L/min", "Q.CD1.011", None, (0.0, 2.0),
)
WASH_OUT = Quantity(
    "washout", "Wash-out slope", "WOS", "mM/s", -1.0, 1.0,
    "Slope of a straight line through the last third of the series; negative where agent leaves.",
    "mM/min", _MINUTE, "mmol/L/min", "Q.CD1.012", None, (-0.1, 0.1), "RdBu_r",
)
TIME_TO_PEAK = Quantity(
    "ttp", "Time to peak", "TTP", "s", -20.0, 1200.0, "Time of the largest concentration, counted from arrival.",
    ucum="s", caplex="Q.CD1.010", dicom=Code("113069", "DCM", "Time To Peak"), display=(0.0, 300.0), colours="viridis",
)
IAUGC60, IAUGC90, IAUGC180 = (
    Quantity(
        f"iaugc{seconds}", f"Initial area under the concentration curve, {seconds} s", f"iAUGC{seconds}", "mM·s",
        -1e3, 1e4, f"Integral of the concentration over the first {seconds} s after arrival.", "mM·s", 1.0, "mmol/L.s",
        "Q.CD1.013", None, (0.0, seconds / 3.0),
    )
    for seconds in (60, 90, 180)
)
IAUGC60_BLOOD, IAUGC90_BLOOD, IAUGC180_BLOOD = (
    Quantity(
        f"iaugcbn{seconds}", f"Initial area under the concentration curve, {seconds} s, over that of blood plasma",
        f"iAUGCBN{seconds}", "1", -1.0, 10.0,
        f"Integral of the concentration over the first {seconds} s after arrival, divided by that of the arterial "
        "plasma.",
        caplex="Q.CD1.999", display=(0.0, 0.4),
    )
    for seconds in (60, 90, 180)
)
DELTA_R1 = Quantity(
    "deltar1", "Change in longitudinal relaxation rate", "ΔR1", "1/s", -5.0, 100.0, "R1 at the end less R1 at rest.",
    ucum="/s", caplex="Q.EL1.003", display=(0.0, 1.0),
)
DELTA_T1 = Quantity(
    "deltat1", "Change of T1 by agent", "ΔT1", "s", -10.0, 10.0, "T1 at rest less T1 at the end of the series.",
    ucum="s", caplex="Q.CD1.999", display=(0.0, 1.0),
)
MODEL = Quantity(
    "model", "Kinetic model", "model", "1", -0.5, 20.5, "Whose values the voxel has; the legend is beside it.",
    caplex="Q.US1.999", display=(0.0, 6.0), colours="viridis",
)
MODEL_WEIGHT = Quantity(
    "modelweight", "Akaike weight of the chosen model", "w", "1", 0.0, 1.0,
    "How sure the choice of the kinetic model is, among those that were tried: 1 is sure.", caplex="Q.US1.999",
    colours="viridis",
)
AICC: Final = {
    name: Quantity(
        f"aicc{word}", f"Akaike's criterion for small samples, {name}", f"AICc ({name})", "1", -1e6, 1e6,
        "Less is better; only differences within a voxel mean anything.", caplex="Q.US1.999", display=(-1000.0, 0.0),
        colours="viridis",
    )
    for name, word in (
        ("vascular", "Vascular"), ("patlak", "Patlak"), ("extended-tofts", "ExtendedTofts"), ("2cum", "2cum"),
        ("2cxm", "2cxm"),
    )
}  # fmt: skip
"""Of each kinetic model that is chosen among."""
INVERSION = Quantity(
    "inversion", "Inversion amplitude", "B", "a.u.", 0.0, 1e10, "How much signal the inversion takes away.",
)
PLATEAU = Quantity("plateau", "Signal long after the inversion", "A", "a.u.", 0.0, 1e9, "Of the driven state.")
T1_APPARENT = Quantity(
    "T1star", "Apparent longitudinal relaxation time", "T1*", "s", 0.02, 10.0, "Of recovery under pulses.",
    ucum="s", spacing="log",
)
# --- ASL --------------------------------------------------------------------------------------------------------------
FLOW = Quantity(
    "cbf", "Cerebral blood flow", "CBF", "1/s", 0.0, 0.1,
    "Blood flow per mass of tissue (mL/g/s inside), from labelled blood. Noise can make it negative; means of it are "
    "then unbiased.",
    "mL/100 g/min", 100.0 * _MINUTE, "mL/(100.g)/min", "Q.PH1.003",
    Code("113055", "DCM", "Regional Cerebral Blood Flow"), (0.0, 100.0),
)
RELATIVE_FLOW = Quantity(
    "relcbf", "Relative cerebral blood flow", "relCBF", "1", -1000.0, 1000.0,
    "Blood flow from labelled blood over its mean in the brain: the scale of the series could not be established.",
    "ratio", 1.0, "1", "Q.PH1.999", None, (0.0, 2.5),
)
ATT = Quantity(
    "att", "Arterial transit time", "ATT", "s", 0.0, 6.0, "Time that labelled blood takes from the neck to the tissue.",
    ucum="s", display=(0.0, 3.0), colours="viridis",
)
ABV = Quantity(
    "abv", "Arterial blood volume", "aBV", "mL/mL", 0.0, 1.0,
    "Arterial blood per volume of tissue. Noise can make it negative; means of it are then unbiased.",
    "mL/100 mL", 100.0, "mL/(100.mL)", display=(0.0, 4.0),
)
ABAT = Quantity(
    "abat", "Arterial bolus arrival time", "aBAT", "s", 0.0, 3.0,
    "Time that labelled blood takes from the neck to the arteries of the voxel.", ucum="s", display=(0.0, 2.0),
    colours="viridis",
)
REGULAR_FLOW = Quantity(
    "cbfreg", "Cerebral blood flow drawn to its neighbours", "CBF_reg", "1/s", 0.0, 0.1,
    "Blood flow of a voxel and, as far as tissue and flow show no edge, of its neighbours. To look at; no number comes "
    "from it.",
    "mL/100 g/min", 100.0 * _MINUTE, "mL/(100.g)/min", "Q.PH1.003", None, (0.0, 100.0),
)
FLOW_ATT_CORRELATION = Quantity(
    "cbfattcorr", "Correlation of the errors of blood flow and transit time", "ρ(CBF, ATT)", "1", -1.0, 1.0,
    "How the error of flow hangs on that of the transit time within a voxel: 1, flow that reads too high has a transit "
    "time that reads too late, and by as much of its error. Part of their errors: it has none of its own.",
    "1", display=(-1.0, 1.0), colours="RdBu_r",
)
NEIGHBOURS_SHARE = Quantity(
    "cbfshare", "Share of neighbours in regularised flow", "share", "1", 0.0, 1.0,
    "How much of the regularised flow of a voxel is its neighbours' (0: all its own).",
    "%", 100.0, "%", display=(0.0, 100.0), colours="gray",
)
GREY_FLOW = Quantity(
    "cbfgm", "Cerebral blood flow of grey matter", "CBF_GM", "1/s", 0.0, 0.1,
    "Blood flow of the grey matter in a voxel, corrected for partial volume by regression over neighbours.",
    "mL/100 g/min", 100.0 * _MINUTE, "mL/(100.g)/min", "Q.PH1.003", None, (0.0, 100.0),
)
WHITE_FLOW = Quantity(
    "cbfwm", "Cerebral blood flow of white matter", "CBF_WM", "1/s", 0.0, 0.1,
    "Blood flow of the white matter in a voxel, corrected for partial volume by regression over neighbours.",
    "mL/100 g/min", 100.0 * _MINUTE, "mL/(100.g)/min", "Q.PH1.003", None, (0.0, 50.0),
)
LESION_FLOW = Quantity(
    "cbflesion", "Cerebral blood flow of pure lesion", "CBF_lesion", "1/s", 0.0, 0.1,
    "Blood flow of the lesion in a voxel: what grey and white matter leave of it, over the share of the lesion. No "
    "number of a lesion comes from it.",
    "mL/100 g/min", 100.0 * _MINUTE, "mL/(100.g)/min", "Q.PH1.003", None, (0.0, 100.0),
)
PERFUSION_WEIGHTED = Quantity(
    "deltam", "Perfusion-weighted signal", "ΔM/M0", "1", -1.0, 1.0,
    "Control minus label, mean over all delays, over the fully relaxed signal of the tissue: what was measured, before "
    "any model.",
    "%", 100.0, "%", "Q.MS1.999", None, (0.0, 1.5),
)
CALIBRATION = Quantity(
    "m0", "Fully relaxed signal", "M0", "a.u.", 0.0, 1e9,
    "Signal of the tissue at equilibrium, on the scale of the labelled series.", caplex="Q.MS1.010",
    display=(0.0, 1.0), colours="gray",
)

# --- tissue -----------------------------------------------------------------------------------------------------------
T2 = Quantity(
    "T2map", "Transverse relaxation time", "T2", "s", 0.0, 10.0, "Of the tissue before agent.", ucum="s",
    display=(0.0, 0.3), colours="viridis",
)
R2STAR = Quantity(
    "R2starmap", "Effective transverse relaxation rate", "R2*", "1/s", 0.0, 2000.0, "Of the tissue before agent.",
    ucum="/s", caplex="Q.EL1.008", dicom=Code("126395", "DCM", "R2*"), display=(0.0, 60.0),
)
ADC = Quantity(
    "adc", "Apparent diffusion coefficient", "ADC", "mm²/s", 0.0, 0.01, "How freely water moves.",
    "10⁻³ mm²/s", 1000.0, "10*-3.mm2/s", "", Code("113041", "DCM", "Apparent Diffusion Coefficient"), (0.0, 3.0),
    "gray",
)
B1 = Quantity(
    "TB1map", "Relative flip angle", "B1+", "1", 0.0, 3.0, "The true flip angle over the nominal one.",
    display=(0.6, 1.4), colours="RdBu_r",
)

# --- spectroscopy -----------------------------------------------------------------------------------------------------
# Amounts are per kg of tissue water where water scales them (or per litre of tissue), and else in institutional units.
TNAA = Quantity(
    "tNAA", "Total N-acetylaspartate", "tNAA", "mmol/kg", 0.0, 1e9, "NAA and NAAG together.", ucum="mmol/kg",
    display=(0.0, 20.0), colours="viridis",
)
TCR = Quantity(
    "tCr", "Total creatine", "tCr", "mmol/kg", 0.0, 1e9, "Creatine and phosphocreatine together.", ucum="mmol/kg",
    display=(0.0, 15.0), colours="viridis",
)
TCHO = Quantity(
    "tCho", "Total choline", "tCho", "mmol/kg", 0.0, 1e9, "All cholines together.", ucum="mmol/kg",
    display=(0.0, 6.0), colours="viridis",
)
INS = Quantity(
    "Ins", "myo-Inositol", "Ins", "mmol/kg", 0.0, 1e9, "Without glycine.", ucum="mmol/kg", display=(0.0, 15.0),
    colours="viridis",
)
GLX = Quantity(
    "Glx", "Glutamate and glutamine", "Glx", "mmol/kg", 0.0, 1e9, "Both together.", ucum="mmol/kg",
    display=(0.0, 25.0), colours="viridis",
)
LAC = Quantity(
    "Lac", "Lactate", "Lac", "mmol/kg", 0.0, 1e9, "Lactate alone.", ucum="mmol/kg", display=(0.0, 15.0),
    colours="viridis",
)
LIP13 = Quantity(
    "Lip13", "Mobile lipid at 1.3 ppm", "Lip13", "mmol/kg", 0.0, 1e9, "Its methylene groups that are seen, relaxed as "
    "molecules are.", ucum="mmol/kg", display=(0.0, 60.0), colours="viridis",
)
CHO_OVER_NAA = Quantity(
    "tChoOvertNAA", "Total choline over total NAA", "tCho/tNAA", "1", 0.0, 1e6, "Ratio of amounts.", "ratio", 1.0, "1",
    display=(0.0, 1.5),
)
CNI = Quantity(
    "cni", "Choline-to-NAA index", "CNI", "1", -1e3, 1e3,
    "Distance from the line of choline on NAA in normal-appearing voxels, in their standard deviations.", "z", 1.0, "1",
    display=(-4.0, 8.0), colours="RdBu_r",
)
CHO_NAA_SIDES = Quantity(
    "tChoOvertNAASides", "Choline over NAA, relative to the other side", "CNR/CNR'", "1", 0.0, 1e6,
    "Total choline over total NAA, divided by that of the voxel opposite.", "ratio", 1.0, "1", display=(0.0, 4.0),
)
WATER_OFFSET = Quantity(
    "waterOffset", "Frequency of water", "B0", "Hz", -1e4, 1e4, "By how much water is off the reference frequency.",
    ucum="Hz", display=(-30.0, 30.0), colours="RdBu_r",
)
LINE_WIDTH = Quantity(
    "fwhm", "Width of a line at half maximum", "FWHM", "Hz", 0.0, 500.0, "Of the fitted lineshape.", ucum="Hz",
    display=(0.0, 20.0), colours="viridis",
)

ALL: Final = (
    SIGNAL, BASELINE, DELTA_R2STAR, CONCENTRATION, CBV, RCBV, SRCBV, CBF, MTT, TMAX, TTP, DELAY, PSR, LOG_PSR, PH, K1,
    K2, KEP_LEAKAGE, AT_ONCE, TRANSIT_TIME, LEAK_R1, PEAK, ARRIVAL, RISE, SHAPE, KTRANS, VE, VP, KEP, T1, S0,
    PS, FLOW, RELATIVE_FLOW, GREY_FLOW, WHITE_FLOW, LESION_FLOW, REGULAR_FLOW, NEIGHBOURS_SHARE, ATT, ABV, ABAT,
    FLOW_ATT_CORRELATION, PERFUSION_WEIGHTED, CALIBRATION,
    FP, EXTRACTION, ARTERIAL_DELAY, CAPILLARY_TIME, WASHOUT_FAST, WASHOUT_SLOW, FAST, SLOW, PASSING,
    REL_KTRANS, REL_VE, REL_DELAY, KEP_REFERENCE, REL_RETURN, ENHANCEMENT, MAX_ENHANCEMENT, WASH_IN, WASH_OUT,
    TIME_TO_PEAK, IAUGC60, IAUGC90, IAUGC180, IAUGC60_BLOOD, IAUGC90_BLOOD, IAUGC180_BLOOD, DELTA_R1, DELTA_T1,
    MODEL, MODEL_WEIGHT, *AICC.values(), INVERSION, PLATEAU, T1_APPARENT, T2, R2STAR, ADC, B1,
    TNAA, TCR, TCHO, INS, GLX, LAC, LIP13, CHO_OVER_NAA, CHO_NAA_SIDES, CNI, WATER_OFFSET, LINE_WIDTH,
)
"""The whole lexicon."""
