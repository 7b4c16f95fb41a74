import copy
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from snakemake.utils import update_config

from stillact.config.augmentations import Perspective
from stillact.config.evaluation import Predict
from stillact.core.errors import InputError
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.recipes.from_scratch.config import FromScratchPlan
from stillact.recipes.mlp.config import MLPPlan
from stillact.study import tables
from stillact.study.config import AFTERWARDS
from stillact.study.load import load
from stillact.study.schema import schema

ROOT = Path(__file__).parents[3]
RAW = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
JITTER = {"name": "colour_jitter", "brightness": 0.1}


def changed(*changes: tuple[str, object]) -> dict:
    """config.yaml with the value at each dotted path replaced, or added."""
    raw = copy.deepcopy(RAW)
    for path, value in changes:
        *parents, last = path.split(".")
        node = raw
        for key in parents:
            node = node[int(key) if isinstance(node, list) else key]
        node[int(last) if isinstance(node, list) else last] = value
    return raw


def message(raw: dict) -> str:
    with pytest.raises(InputError) as error:
        load(raw, "mine.yaml")
    return str(error.value)


def test_usable_models_are_in_the_order_of_their_recipes():
    found = load(RAW).usable
    assert found[:4] == ["clip_zero_words", "clip_zero_photo", "clip_zero_ensemble", "clip_probe"]
    assert found[-2:] == ["clip_wise_ft", "clip_soup"]
    assert found.index("clip_em") < found.index("cnn_base") < found.index("clip_ic")
    assert "clip_views" not in found


def test_only_cross_validated_models_are_candidates_and_of_others_the_reason_is_told():
    cfg = load(RAW)
    assert [name for name in cfg.usable if name not in cfg.candidates] == [
        "clip_wise_ft",
        "clip_soup",
    ]
    reasons = cfg.not_judged
    assert set(reasons) == {"clip_views", "clip_wise_ft", "clip_soup"}
    assert "person boxes" in reasons["clip_views"]
    assert "cross_validation.wise_ft is 0" in reasons["clip_wise_ft"]
    assert sorted([*cfg.candidates, *reasons]) == sorted(cfg.tasks["activity3"].models)


def test_test_time_augmentation_without_boxes_is_a_candidate():
    views = {"recipe": "tta", "of": "clip_probe", "views": ["whole", "flip"]}
    cfg = load(RAW | {"models": RAW["models"] | {"clip_views": views}})
    assert "clip_views" in cfg.candidates


def test_the_study_of_the_paper_loads():
    cfg = load(RAW)
    assert cfg.main_task == "activity3"
    assert cfg.seeds == RAW["seeds"]
    assert cfg.models["cnn_gen"].network.channels == [32, 64, 128]
    assert cfg.models["cnn_gen"].augment[1] == Perspective(
        name="perspective", distortion=0.5, p=0.5
    )
    assert cfg.models["cnn_base"].network.dropout == 0
    assert load(cfg.model_dump(mode="json")) == cfg


def test_a_study_is_whole_without_what_comes_afterwards():
    cfg = load(
        changed(
            ("photos", "new"), ("sort_into", "s"), ("deploy", "clip_ic"), ("predict.accuracy", 0.5)
        )
    )
    study = load(cfg.model_dump(mode="json", exclude=set(AFTERWARDS)))
    assert (study.photos, study.deploy, study.predict) == (None, None, Predict())
    assert study == load(RAW).model_copy(update={"predict": Predict()})


def test_the_profiles_studies_load():
    """Each study file laid over config.yaml as Snakemake does it."""
    studies = {}
    for path in sorted(ROOT.glob("profiles/*/config.yaml")):
        profile = yaml.safe_load(path.read_text(encoding="utf-8"))
        laid = RAW
        for study in profile.get("configfile", []):
            studies[study] = copy.deepcopy(laid)
            update_config(studies[study], yaml.safe_load((ROOT / study).read_text()))
            laid = studies[study]
    cfgs = {study: load(raw, study) for study, raw in studies.items()}
    demo = cfgs["profiles/demo/study.yaml"]
    assert demo.dataset.manifest == "results/synthetic/manifest.csv"
    assert demo.dataset.classes == RAW["dataset"]["classes"]
    assert demo.paper is None  # rendered scenes are not its photos
    written = {str(p.relative_to(ROOT)) for p in ROOT.glob("profiles/*/*.yaml")}
    assert set(cfgs) == {path for path in written if not path.endswith("/config.yaml")}


def test_the_schema_file_is_that_of_the_types():
    assert schema() == SCHEMA, "the types of config.py have changed; run `make schema`"


def test_the_schema_is_valid_and_accepts_the_study():
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(RAW)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("fetch.concurency", 3, "fetch"),
        ("sedes", [1], ""),
        ("splits.kfold.fold", 3, "splits.kfold"),
        ("fetch.attempts", 0, "fetch.attempts"),
        ("seeds", [1, "two"], "seeds.1"),
    ],
)
def test_the_schema_rejects(path, value, where):
    (error,) = Draft202012Validator(SCHEMA).iter_errors(changed((path, value)))
    assert ".".join(map(str, error.absolute_path)) == where


def test_every_block_of_the_schema_is_closed_and_every_key_typed():
    blocks = [SCHEMA, *SCHEMA["$defs"].values()]
    assert {"Dataset", "Fetch", "Curate", "CNN", "FromScratch"} <= set(SCHEMA["$defs"])
    for block in blocks:
        assert block["additionalProperties"] is False, block["title"]
        for name, key in block["properties"].items():
            assert {"type", "anyOf", "oneOf", "$ref"} & set(key), f"{block['title']}.{name}"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("sedes", [1], "unknown key 'sedes'. Did you mean \"seeds\"?"),
        ("fetch.concurency", 3, "fetch: unknown key 'concurency'. Did you mean \"concurrency\"?"),
        (
            "models.cnn_base.network.chanels",
            [8],
            "models.cnn_base.network: unknown key 'chanels'. Did you mean \"channels\"?",
        ),
        (
            "paper.table_3.variants.rotation.0.degres",
            10,
            "paper.table_3.variants.rotation.0: unknown key 'degres'. Did you mean \"degrees\"?",
        ),
        (
            "models.cnn_gen.augment.2.max_aera",
            1,
            "models.cnn_gen.augment.2: unknown key 'max_aera'. Did you mean \"max_area\"?",
        ),
        ("models.cnn_base.network.type", "cn", "models.cnn_base.network: "),
        ("models.cnn_base.network.type", "cn", "'cnn', 'fnn'"),
        ("seeds", [0, 1, 0], "seeds: 0 is given twice"),
        ("seeds", [], "seeds: "),
        ("seeds", [-1], "seeds.0: "),
        ("splits.fractions.train", 0.7, "train 0.7 + validation 0.1 + test 0.1 = 0.9"),
        ("splits.fractions.test", 1.5, "splits.fractions.test: "),
        (
            "tasks.activity3.models",
            ["cnn_bse"],
            "tasks.activity3.models: unknown name 'cnn_bse'. Did you mean \"cnn_base\"?",
        ),
        ("tasks.activity3.models", ["cnn_gen", "cnn_gen"], "cnn_gen is given twice"),
        ("paper.t_test", None, "paper.t_test: null does not turn this test off; paper: null"),
        ("paper.anova", None, "paper.anova: null does not turn this test off; paper: null"),
        ("dataset.cache", "/tmp/a{b}", "dataset.cache: a path must not contain { or }"),
        (
            "recipes.fine_tune.batch_size",
            1,
            "recipes.fine_tune.batch_size: Input should be greater",
        ),
        (
            "tasks.sit_stand.models",
            [],
            "tasks.sit_stand.models: [] has no model; name at least one",
        ),
        (
            "tasks.sit_stand.classes",
            ["siting", "standing"],
            "tasks.sit_stand.classes: unknown name 'siting'. Did you mean \"sitting\"?",
        ),
        (
            "curate.images_per_class",
            {"standng": 3},
            "curate.images_per_class: unknown name 'standng'. Did you mean \"standing\"?",
        ),
        ("dataset.classes", ["sitting"], "dataset.classes: "),
        ("models.fnn_base.network.match", "cnn_bse", 'Did you mean "cnn_base"?'),
        (
            "models.fnn_base.network.match",
            "fnn_base",
            "models.fnn_base.network.match: unknown name 'fnn_base'.",
        ),
        ("paper.table_3.model", "cnn", "paper.table_3.model: unknown name 'cnn'."),
        ("explain.model", "clip_em", "explain.model: unknown name 'clip_em'. Did you mean"),
        ("explain.layers", [2, 2], "explain.layers: 2 is given twice; remove one"),
        ("explain.layers", [0], "explain.layers"),
        ("fetch.attempts", "many", "fetch.attempts: "),
        ("fetch.attempts", "many", "(got 'many')"),
        ("fetch.attempts", 2.5, "(got 2.5)"),
        ("recipes.from_scratch.size", 8, "recipes.from_scratch.size: "),
        ("recipes.from_scratch.weight_decay", float("nan"), "(got nan)"),
        ("dataset", ["a"], "dataset: "),
        ("fetch", None, "fetch: "),
        ("models.vit-2", RAW["models"]["cnn_base"], "models.vit-2: a name has lower-case letters"),
        ("dataset.classes", ["a", "b/c"], "dataset.classes.1: a class name must not contain /"),
        ("dataset.classes", ["a", "b"], "tasks.activity3.classes: unknown name 'walking_running'."),
        ("dataset.classes", ["a", "b"], "To remove a task, set tasks.activity3: null"),
        ("models.vit-2", RAW["models"]["cnn_base"], "(got 'vit-2')"),
        ("synthetic.images_per_class", {"a/b": 3}, "synthetic.images_per_class.a/b: "),
        ("curate.verbs", {"a/b": ["sit"]}, "curate.verbs.a/b: "),
        ("paper.table_3.variants.Flip", [], "paper.table_3.variants.Flip: "),
        ("models.cnn_base.network", "cnn", "models.cnn_base.network: "),
        ("models.cnn_gen.augment.2.max_area", 0.3, "min_area 0.5 is above max_area 0.3"),
        (
            "paper.table_3.variants.gaussian_blur.0.min_sigma",
            3,
            "min_sigma 3.0 is above max_sigma 2.0",
        ),
        (
            "models.cnn_base.network.channels",
            [4] * 8,
            "8 blocks halve an input of 128 px to nothing",
        ),
        ("recipes.from_scratch.learning_rate", float("inf"), "(got inf)"),
    ],
)
def test_what_is_wrong_is_named(path, value, expected):
    told = message(changed((path, value)))
    assert told.startswith("mine.yaml is not a valid config:\n  ")
    assert expected in told


def test_a_key_left_out_is_named():
    raw = changed()
    del raw["models"]["cnn_base"]["network"]["hidden"]
    assert "  models.cnn_base.network.hidden: Field required" in message(raw)


@pytest.mark.parametrize("block", ["synthetic", "curate"])
def test_classes_that_a_rule_makes_are_those_of_the_dataset(block):
    unlabelled = ("dataset.classes", ["sitting", "standing"]), ("tasks.activity3", None)
    load(changed(*unlabelled))  # the manifest is a file, and the block is not used
    made = ("dataset.manifest", f"results/{block}/manifest.csv")
    told = message(changed(*unlabelled, made))
    assert f"{block}.images_per_class: unknown name 'walking_running'." in told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seeds", [True]),
        ("recipes.from_scratch.learning_rate", True),
        ("splits.kfold.folds", True),
        ("dataset.name", False),
        ("recipes.fine_tune.head_learning_rate", True),
    ],
)
def test_true_and_false_are_no_numbers(path, value):
    told = message(changed((path, value)))
    assert f"'{path.split('.')[-1]}': true and false are not values of this key" in told


def test_paths_of_the_users_home_are_as_in_a_shell(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    cfg = load(changed(("dataset.cache", "~/cache"), ("dataset.local_dirs", ["~/photos", "a~b"])))
    assert cfg.dataset.cache == "/home/anna/cache"
    assert cfg.dataset.local_dirs == ["/home/anna/photos", "a~b"]


def test_two_folds_leave_nothing_to_train_on():
    told = message(changed(("splits.kfold.folds", 2)))
    assert "splits.kfold.folds: Input should be greater than or equal to 3 (got 2)" in told


def test_a_share_of_0_is_an_error():
    fractions = {"train": 0.8, "validation": 0.2, "test": 0}
    told = message(changed(("splits.fractions", fractions)))
    assert "splits.fractions.test: Input should be greater than 0 (got 0)" in told


def test_all_faults_are_told_at_once():
    told = message(changed(("fetch.attempts", 0), ("seeds", [-1])))
    assert "fetch.attempts: " in told
    assert "seeds.0: " in told


def test_a_number_that_yaml_reads_as_text_is_a_number():
    rate = yaml.safe_load("1e-3")
    assert rate == "1e-3"  # YAML 1.1 wants 1.0e-3
    cfg = load(changed(("recipes.from_scratch.learning_rate", rate)))
    assert cfg.recipes.from_scratch.learning_rate == 0.001


def test_a_later_file_removes_with_null():
    cfg = load(
        changed(
            ("tasks.sit_stand", None),
            ("tasks.activity3.models", ["cnn_base"]),
            ("models.cnn_gen", None),
            ("paper.table_3.variants.rotation", None),
        )
    )
    assert list(cfg.tasks) == ["activity3"]
    assert list(cfg.models) == [name for name in RAW["models"] if name != "cnn_gen"]
    assert len(cfg.variants()) == len(RAW["paper"]["table_3"]["variants"]) - 1
    assert "rotation" not in cfg.variants()


def test_a_variant_without_change_is_the_model_itself():
    variants = load(RAW).variants()
    assert list(variants) == list(RAW["paper"]["table_3"]["variants"])
    assert variants.pop("none") == "cnn_base"
    assert variants == {name: f"cnn_base_{name}" for name in variants}


def test_no_augmentation_is_a_variant_of_a_model_that_has_some():
    gen = load(changed(("paper.table_3.model", "cnn_gen")))
    assert gen.variants()["none"] == "cnn_gen_none"
    assert gen.plan("activity3", "cnn_gen_none").augment == []
    own = load(
        changed(
            ("models.cnn_base.augment", [JITTER]),
            ("paper.table_3.variants.colour_jitter", [JITTER]),
        )
    )
    assert own.variants()["colour_jitter"] == "cnn_base"


@pytest.mark.parametrize(
    ("changes", "of_paper"),
    [
        ([], True),
        ([("dataset.manifest", "../clone/data/coco_activities.csv")], True),
        ([("dataset.manifest", "results/curate/manifest.csv")], True),
        ([("tasks.sit_stand", None)], True),
        ([("dataset.manifest", "mine.csv")], False),  # other photos of the same classes
        ([("dataset.manifest", "results/synthetic/manifest.csv")], False),
        ([("tasks.activity3.models", ["clip_probe"])], False),  # nothing to compare
        ([("paper", None)], False),
    ],
)
def test_the_paper_is_part_of_studies_of_its_photos_and_models_only(changes, of_paper):
    cfg = load(changed(*changes))
    assert cfg.of_paper == of_paper
    assert (cfg.paper is not None) == of_paper
    assert ("cnn_base_rotation" in cfg.models_by("from_scratch")) == of_paper
    assert bool(cfg.variants()) == of_paper
    of_its_own = {"table_2", "table_3", "table_7"} & set(tables.of_models(cfg))
    assert bool(of_its_own) == of_paper
    assert load(cfg.model_dump(mode="json")) == cfg


def test_a_study_of_other_tasks_needs_no_key_about_the_paper():
    own = {"classes": ["sitting", "standing"], "models": ["cnn_base", "clip_probe"]}
    cfg = load(changed(("tasks", {"activity3": None, "sit_stand": None, "mine": own})))
    assert cfg.paper is None
    assert cfg.models_of("mine") == ["cnn_base", "clip_probe"]
    assert list(tables.of_models(cfg)) == ["all_models"]


def test_the_paper_follows_its_main_task():
    """With sitting and standing alone, or first, the variants of the other task come along."""
    alone = load(changed(("tasks.activity3", None)))
    assert alone.of_paper
    assert (alone.variants(), list(tables.of_models(alone))) == ({}, ["all_models", "table_5"])


def test_tables_have_the_papers_rows_and_one_has_all_models():
    made = tables.of_models(load(RAW))
    assert list(made) == ["all_models", *(f"table_{number}" for number in range(2, 8))]
    assert list(made["all_models"]["rows"]) == RAW["tasks"]["activity3"]["models"]
    assert "paper" not in made["all_models"]
    assert made["table_5"] == {
        "task": "sit_stand",
        "subset": "test",
        "rows": {model: model for model in ("clip_ic", "vit", "siglip2")},
        "name": "model",
        "paper": 5,
    }
    assert made["table_7"]["paper"] is None  # its values are those of all tables
    assert made["table_3"]["rows"]["rotation"] == "cnn_base_rotation"
    assert made["table_3"]["subset"] == "validation"


def test_saliency_is_of_the_papers_models_or_of_all_and_people_are_covered_for_all():
    cfg = load(RAW)
    assert cfg.explained == ["vit", "siglip2", "clip_ic"]
    assert set(RAW["tasks"]["activity3"]["models"]) - set(cfg.occluded) == {"clip_views"}
    assert "clip_text" in load(changed(("paper", None))).explained


def test_prompts_of_classes_that_the_dataset_lacks_are_passed_over():
    words = RAW["prompts"]["words"] | {"reading": ["reading"], "cooking": ["frying", "cooking"]}
    own = {"classes": ["cooking", "reading"], "models": ["clip_cs", "clip_zero_photo"]}
    cfg = load(
        changed(
            ("dataset.classes", ["cooking", "reading"]),
            ("tasks", {"kitchen": own}),
            ("prompts.words", words),
        )
    )
    assert cfg.texts("words") == {"cooking": ["frying", "cooking"], "reading": ["reading"]}
    assert list(cfg.texts("ensemble")) == ["cooking", "reading"]
    told = "a photo of a person frying."
    assert cfg.texts("sentences")["cooking"][0] == told


def test_a_variant_may_not_take_the_name_of_a_model():
    told = message(changed(("models.cnn_base_rotation", RAW["models"]["cnn_base"])))
    assert "cnn_base_rotation is given twice" in told


def test_the_models_of_a_task():
    cfg = load(RAW)
    variants = [f"cnn_base_{name}" for name in RAW["paper"]["table_3"]["variants"]]
    variants.remove("cnn_base_none")
    task = RAW["tasks"]["activity3"]
    assert cfg.models_of("activity3") == [*task["models"], *variants]
    assert cfg.models_of("sit_stand") == ["clip_ic", "vit", "siglip2"]


def plans(raw: dict) -> dict:
    cfg = load(raw)
    return {model: cfg.plan("activity3", model) for model in cfg.models_of("activity3")}


def stale(*changes: tuple[str, object]) -> set[str]:
    before, after = plans(RAW), plans(changed(*changes))
    assert list(before) == list(after)
    return {model for model in before if before[model] != after[model]}


VARIANTS = {f"cnn_base_{name}" for name in RAW["paper"]["table_3"]["variants"]} - {"cnn_base_none"}


SCRATCH = {"fnn_base", "cnn_base", "cnn_gen", "cnn_gen_mild"}
DERIVED = {"clip_wise_ft", "clip_soup"}  # of clip_text
PROBES = {"clip_probe", "clip_letterbox", "vit_probe", "siglip2_probe"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("paper.table_3.variants.rotation.0.degrees", 30, {"cnn_base_rotation"}),
        ("models.cnn_gen.network.dropout", 0.5, {"cnn_gen"}),
        ("models.cnn_gen.augment.0.p", 0.1, {"cnn_gen"}),
        # what the FNN is matched with, and what the variants are variants of
        ("models.cnn_base.network.hidden", 64, {"cnn_base", "fnn_base"} | VARIANTS),
        ("recipes.from_scratch.patience", 9, SCRATCH | VARIANTS),
        ("seeds", [5, 6], set()),
        (
            "recipes.fine_tune.layer_decay",
            0.7,
            {"vit", "siglip2", "clip_ic", "clip_text", "clip_lp_ft", "clip_flyp"} | DERIVED,
        ),
        # a head that starts from a probe is a probe's
        ("recipes.linear_probe.c", [1.0], PROBES | {"clip_lp_ft", "clip_views"}),
        ("recipes.wise_ft.steps", 20, {"clip_wise_ft"}),
        ("models.clip_text.prompts", "ensemble", {"clip_text"} | DERIVED),
        ("recipes.mlp.dropout", 0.2, {"clip_em", "clip_cs"}),
        ("models.clip_cs.prompts", "sentences", {"clip_cs"}),
        # what the weights and the texts are, jobs read from files
        ("backbones.clip.revision", "0" * 40, set()),
        # but for those that are embedded while their tower is trained
        ("prompts.words.sitting", ["sits"], {"clip_flyp"}),
        ("dataset.cache", "elsewhere", set()),
        ("splits.seed", 1, set()),
        ("runs_per_job", 1, set()),
        ("device", "cpu", set()),
        ("tasks.sit_stand.classes", ["standing", "sitting"], set()),
    ],
)
def test_a_change_makes_stale_what_depends_on_it(path, value, expected):
    assert stale((path, value)) == expected


def test_the_plan_of_an_fnn_holds_what_it_is_matched_with():
    cfg = load(RAW)
    plan = cfg.plan("sit_stand", "fnn_base")
    assert plan.classes == ["sitting", "standing"]
    assert plan.matched == cfg.models["cnn_base"].network
    assert cfg.plan("sit_stand", "cnn_base").matched is None
    assert FromScratchPlan.model_validate(plan.model_dump()) == plan


def test_the_plan_of_a_pretrained_model_says_what_is_trained_on_what():
    cfg = load(RAW)
    plan = cfg.plan("sit_stand", "clip_ic")
    assert (plan.recipe, plan.backbone, plan.head) == ("fine_tune", "clip", "random")
    assert plan.classes == ["sitting", "standing"]
    assert FineTunePlan.model_validate(plan.model_dump()) == plan
    heads = cfg.plan("activity3", "clip_cs")
    assert (heads.recipe, heads.features, heads.prompts) == ("mlp", "similarity", "words")
    assert MLPPlan.model_validate(heads.model_dump()) == heads


def test_the_models_of_a_recipe():
    cfg = load(changed(("models.fnn_base", None), ("tasks.activity3.models", ["cnn_base"])))
    past = ["clip_text", "clip_lp_ft", "clip_flyp"]
    assert cfg.models_by("fine_tune") == ["vit", "siglip2", "clip_ic", *past]
    assert cfg.models_by("mlp") == ["clip_em", "clip_cs"]
    assert set(cfg.models_by("from_scratch")) == SCRATCH - {"fnn_base"} | VARIANTS


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            [("models.vit.backbone", "vti")],
            "models.vit.backbone: unknown name 'vti'. Did you mean \"vit\"?",
        ),
        ([("models.vit.recipe", "finetune")], "models.vit: "),
        ([("models.vit.features", "embedding")], "models.vit: unknown key 'features'"),
        ([("models.clip_cs.prompts", None)], "features: similarity needs prompts"),
        ([("models.clip_ic.head", "text")], "models.clip_ic: head: text needs prompts"),
        ([("models.clip_em.prompts", "words")], "prompts: words is not used; remove it"),
        (
            [("models.clip_cs.prompts", "word")],
            "models.clip_cs.prompts: unknown name 'word'. Did you mean \"words\"?",
        ),
        ([("prompts.words.sitting", [])], "prompts.words.sitting: "),
        ([("prompts.words.sitting", [""])], "prompts.words.sitting.0: "),
        (
            [("prompts.words", {"sitting": ["sits"], "standing": ["stands"]})],
            "prompts.words: the class walking_running has no prompt, but the model clip_cs on the "
            "task activity3 needs one",
        ),
        ([("recipes.fine_tune.layer_decay", 0)], "recipes.fine_tune.layer_decay: "),
        ([("recipes.fine_tune.schedule", "linear")], "'constant' or 'cosine'"),
        (
            [("paper.table_3.model", "clip_em")],
            "paper.table_3.model: clip_em learns from features",
        ),
    ],
)
def test_bad_pretrained_models_are_told(changes, expected):
    assert expected in message(changed(*changes))


def test_the_runs_of_a_task_are_seeds_on_the_holdout_and_folds_with_the_first_seed():
    repeats = {"from_scratch": 0, "fine_tune": 1, "mlp": 2}
    cfg = load(changed(("cross_validation", RAW["cross_validation"] | repeats)))
    runs = cfg.runs_of("activity3")
    holdout = [run for run in runs if run.split == "holdout"]
    models = RAW["tasks"]["activity3"]["models"]
    assert len(holdout) == (len(models) + len(VARIANTS) - 1) * 5 + 1  # a soup is one run
    folds = {
        model: [r for r in runs if r.model == model and r not in holdout]
        for model in ("cnn_gen", "cnn_base_rotation", "clip_ic", "clip_em")
    }
    assert {model: len(found) for model, found in folds.items()} == {
        "cnn_gen": 0,
        "cnn_base_rotation": 0,
        "clip_ic": 10,
        "clip_em": 20,
    }
    assert {run.seed for run in folds["clip_em"]} == {0}
    assert folds["clip_ic"][3].folder == "results/runs/activity3/clip_ic/cv_0_3/seed_0"


def test_more_repeats_than_the_folds_have_are_told():
    told = message(changed(("cross_validation.mlp", 6)))
    assert "the 5 of splits.kfold.repeats; raise the latter, or lower mlp: 6" in told


def test_a_template_is_filled_with_each_text_of_another_set():
    cfg = load(changed(("prompts.sentences.templates", ["a {} photo", "{}"])))
    assert cfg.texts("sentences")["walking_running"] == [
        "a walking photo",
        "a running photo",
        "walking",
        "running",
    ]
    assert cfg.texts("words") == RAW["prompts"]["words"]
    assert cfg.plan("activity3", "clip_flyp").texts == cfg.texts("sentences")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("prompts.sentences.templates", ["a photo"])], "'a photo' must have one {}"),
        ([("prompts.sentences.templates", ["{} and {}"])], "'{} and {}' must have one {}"),
        ([("prompts.ensemble.of", "sentences")], "prompts.ensemble.of: unknown name 'sentences'"),
        (
            [
                ("prompts.words", {"sitting": ["sits"], "standing": ["stands"]}),
                ("tasks.activity3.models", ["vit", "clip_zero_words"]),
            ],
            "prompts.words: the class walking_running has no prompt, but the model clip_zero_words",
        ),
        ([("models.clip_wise_ft.of", "clip_ic")], "models.clip_wise_ft.of: unknown name 'clip_ic'"),
        ([("models.clip_soup.of", "vit")], "models.clip_soup.of: unknown name 'vit'"),
        (
            [("tasks.activity3.models", ["clip_soup"])],
            "models.clip_soup.of: clip_text is not trained on a task of clip_soup; add it there",
        ),
        (
            [("cross_validation.wise_ft", 2)],
            "cross_validation.wise_ft: 2 repeats are more than the 1 of fine_tune",
        ),
        ([("tasks.activity3.models", ["vit", "vit"])], "tasks.activity3.models: vit is given"),
        (
            [("tasks.activity3.beyond", ["clip_probe"])],
            "tasks.activity3: 'beyond' is now part of the list models; set that",
        ),
        ([("augmentation_study", {})], "'augmentation_study' is now paper.table_3; set that"),
        ([("statistics", {})], "'statistics' is now paper.anova and paper.t_test; set that"),
        (
            [("deploy", "clip_prob")],
            "deploy: unknown name 'clip_prob'. Did you mean \"clip_probe\"?",
        ),
        ([("use", "clip_ic")], "'use' is now deploy; set that"),
        ([("recipes.fine_tune.threads", 2)], "'threads' is now resources.fine_tune.threads"),
        ([("cross_validation.views", 1)], "'views' is now cross_validation.tta"),
        ([("models.clip_views.recipe", "views")], "clip_views.recipe: 'views' is now 'tta'"),
        ([("sweep.models", ["clip_em"])], "sweep.models: unknown name 'clip_em'"),
        ([("sweep.models", ["vit", "vit"])], "models: vit is given twice; remove one"),
        ([("sweep.model", "vit")], "'model' is now sweep.models; set that"),
    ],
)
def test_what_goes_past_the_paper_is_checked(changes, expected):
    assert expected in message(changed(*changes))


class TestWeights:
    """Of which runs the weights are saved."""

    def test_of_the_main_task_on_the_holdout(self):
        cfg = load(RAW)
        for model in ("cnn_base", "vit", "clip_em", "clip_text"):
            assert cfg.keeps_weights("activity3", model, folds=False)
            assert not cfg.keeps_weights("activity3", model, folds=True)
        assert not cfg.keeps_weights("sit_stand", "vit", folds=False)
        variant = cfg.variants()["rotation"]
        assert not cfg.keeps_weights("activity3", variant, folds=False)

    def test_of_what_models_are_derived_from(self):
        cfg = load(changed(("cross_validation.wise_ft", 1)))
        (of,) = {cfg.models[name].of for name in cfg.models_by("wise_ft")}
        assert cfg.keeps_weights("activity3", of, folds=True)
        assert not cfg.keeps_weights("activity3", "vit", folds=True)
        assert not cfg.keeps_weights("activity3", "clip_em", folds=True)

    def test_of_all(self):
        cfg = load(changed(("keep_weights", "all")))
        assert cfg.keeps_weights("sit_stand", "vit", folds=True)
