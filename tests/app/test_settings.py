import pytest

from perspect import asl, dce, mrs
from perspect.app.settings import demand_plans, plan, plans
from perspect.dsc import Plan
from perspect.vocabulary import Problem


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "plan.toml"
        path.write_text(text)
        return path

    return write


def problem(*arguments, **options):
    with pytest.raises(Problem) as caught:
        plan(Plan, *arguments, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_nothing_said_gives_the_defaults():
    assert plan(Plan) == Plan()


def test_set_and_option_win_over_file_over_default(toml):
    file = toml('[dsc]\nleakage = "bsw"\ndeconvolution = "csvd"\nguard = 2.5\n')
    options = {"deconvolution": "ssvd", "seed": None}
    made = plan(Plan, file, options, ["dsc.leakage=none"])
    assert (made.leakage, made.deconvolution, made.guard, made.seed) == ("none", "ssvd", 2.5, Plan().seed)


def test_a_choice_that_is_said_twice_must_be_the_same():
    said = problem(options={"motion": False}, sets=["dsc.motion=true"])
    assert "dsc.motion is False by one option and True by another." in said
    assert "dsc.seed is 1 by one option and 2 by another." in problem(sets=["dsc.seed=1", "dsc.seed=2"])
    assert not plan(Plan, options={"motion": False}, sets=["dsc.motion=false"]).motion


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_not_finite_is_no_choice(toml, value):
    assert f"dsc.guard is '{value}' in --set. It must be a number or none." in problem(sets=[f"dsc.guard={value}"])
    assert "dsc.guard is " in problem(toml(f"[dsc]\nguard = {value}\n"))


def test_a_setting_of_another_room_is_not_ignored():
    assert "--set dce.model=patlak is a choice of dce, and this command reads those of dsc." in problem(
        sets=["dce.model=patlak"]
    )


def test_what_measures_with_every_room_hands_each_its_own_choices(toml):
    file = toml('[dsc]\nleakage = "bsw"\n[asl]\nseed = 2\n')
    made = plans(file, ["dce.model=patlak", "mrs.unit=mmol/L", "dsc.window=first-pass"], seed=7)
    assert made == {
        "dsc": Plan(leakage="bsw", window="first-pass", seed=7),
        "dce": dce.Plan(model="patlak"),
        "asl": asl.Plan(seed=7),
        "mrs": mrs.Plan(unit="mmol/L", seed=7),
    }
    assert plans() == {"dsc": Plan(), "dce": dce.Plan(), "asl": asl.Plan(), "mrs": mrs.Plan()}


@pytest.mark.parametrize("chosen", [{"dcs": Plan()}, {"dsc": dce.Plan()}, {"dsc": {"leakage": "bsw"}}])
def test_a_plan_that_no_room_would_read_is_refused(chosen):
    with pytest.raises(Problem):
        demand_plans(chosen)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("dsc.motion=false", "motion", False),
        ("dsc.motion=yes", "motion", True),
        ("dsc.oscillation=0.1", "oscillation", 0.1),
        ("dsc.oscillation=none", "oscillation", None),
        ("dsc.seed=7", "seed", 7),
        ("dsc.window=first-pass", "window", "first-pass"),
        ("dsc.guard= 2", "guard", 2.0),
    ],
)
def test_a_setting_is_typed_by_its_field(text, field, value):
    made = getattr(plan(Plan, sets=[text]), field)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dsc.leakge=bsw", "There is no dsc.leakge in --set. Did you mean 'leakage'? Known are motion, leakage,"),
        ("dcs.leakage=bsw", "Did you mean 'dsc'?"),
        (
            "dsc.leakage=bws",
            "dsc.leakage is 'bws' in --set. Did you mean 'bsw'? It must be one of auto, bsw, leu, none.",
        ),
        ("dsc.guard=soon", "dsc.guard is 'soon' in --set. It must be a number or none."),
        ("dsc.seed=1.5", "It must be a whole number."),
        ("dsc.seed=-1", "dsc.seed is -1. Seeds count from 0."),
        ("dsc.oscillation=high", "It must be a number or none."),
        ("dsc.motion=perhaps", "It must be true or false."),
        ("dsc.hct_large=45", "A haematocrit is a fraction."),
        ("leakage=bsw", "is not of the form room.field=value"),
        ("dsc.leakage", "is not of the form room.field=value"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_allowed(text, words):
    assert words in problem(sets=[text])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[dcs]\nleakage = "bsw"\n', "There is no table [dcs] of plan.toml. Did you mean 'dsc'?"),
        ('[dsc]\nleakge = "bsw"\n', "There is no dsc.leakge in plan.toml. Did you mean 'leakage'?"),
        ('[dsc]\nmotion = "no"\n', "dsc.motion is 'no' in plan.toml. It must be true or false."),
        ("[dsc]\nseed = 1.5\n", "It must be a whole number."),
        ("[dsc]\nguard = true\n", "It must be a number or none."),
        ("dsc = 3\n", "dsc in plan.toml is no table"),
        ("[dsc\n", "plan.toml cannot be read as TOML"),
        ("[dsc]\nguard = 1\nguard = 2\n", "plan.toml cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(toml, text, words):
    assert words in problem(toml(text))


def test_a_missing_file_is_named(tmp_path):
    assert "There is no settings file" in problem(tmp_path / "none.toml")


def test_a_whole_number_in_a_file_is_a_number(toml):
    assert plan(Plan, toml("[dsc]\nguard = 2\n")).guard == 2.0
