import gzip
from pathlib import Path

import pytest

from spigot.errors import UserError
from spigot.training.config import Recipe, RecipeError
from spigot.training.recipe import find_recipe, load_recipe, parse_recipe, shipped_recipes, with_defaults

SHIPPED = Path(__file__).parents[2] / "recipes"
NAMES = sorted(path.relative_to(SHIPPED).with_suffix("").as_posix() for path in SHIPPED.rglob("*.toml"))
DATA = [name for name in NAMES if name.startswith("data/")]

LATENT = '[system]\nsurrogate = { name = "SPIGOT" }\n[tasks.syntax]\nloss = "none"\nlabels = false\n'
FROZEN = '[system]\nsurrogate = { name = "Marginals" }\n[intermediate]\ninit = "a"\nfrozen = true\n'


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipes_are_valid(name):
    recipe = load_recipe(name)
    assert recipe.description
    assert recipe == load_recipe(str(SHIPPED / f"{name}.toml"))
    # What a run writes down reads back as the same recipe.
    assert Recipe.model_validate_json(recipe.model_dump_json(exclude_unset=True)) == recipe


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_with_its_defaults_is_the_same_recipe(name):
    recipe = load_recipe(name)
    content = with_defaults(recipe)
    again = parse_recipe(content, name)
    assert again.model_dump(exclude={"tasks"}) == recipe.model_dump(exclude={"tasks"})
    assert again.made_tasks == recipe.made_tasks
    assert content["training"]["betas"] == list(recipe.training.betas)
    assert content["tasks"].keys() == recipe.made_tasks.keys()
    assert all("loss_weight" in settings for settings in content["tasks"].values())


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("paper/")])
def test_published_recipes_have_the_published_batches_and_epochs(name):
    how = load_recipe(name).training
    assert how.epochs == 100
    assert (how.batch_tokens == 1) if "sentiment" not in name else (how.batch_sentences == 32)


def test_an_override_may_unset_a_key():
    recipe = load_recipe("modern/spigot", ["training.clip_norm=null", "system.surrogate.max_norm=null"])
    assert recipe.training.clip_norm is None
    assert recipe.system.surrogate.arguments == {"step_size": 1.0, "max_norm": None}
    with pytest.raises(RecipeError, match=r"--set training\.epochs=null: expected an integer, got None"):
        load_recipe("modern/spigot", ["training.epochs=null"])


def test_defaults_without_an_effect_are_left_out():
    content = with_defaults(load_recipe("modern/pipeline"))
    assert content["training"]["warmup_epochs"] == 0.0
    assert "halve_every" not in content["training"]
    assert "end_task_weight" not in content["intermediate"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DATA])
@pytest.mark.parametrize("data", DATA)
def test_shipped_recipes_take_shipped_data(name, data):
    assert load_recipe(name, data=data).data == load_recipe(data).data


def test_the_five_systems():
    surrogates = {name: load_recipe(f"paper/{name}").system.surrogate for name in ("sa", "ste", "spigot")}
    assert surrogates["sa"].name == "Marginals"
    assert (surrogates["ste"].name, surrogates["ste"].settings) == ("StraightThrough", {"max_norm": None})
    spigot = surrogates["spigot"]
    assert (spigot.name, spigot.arguments) == ("SPIGOT", {"step_size": 1.0, "max_norm": 1.0})
    assert load_recipe("paper/sa").made_tasks["syntax"].loss == "nll"
    assert load_recipe("paper/neurbo").system.syntax is None
    pipeline = load_recipe("paper/pipeline")
    assert (pipeline.system.surrogate.name, pipeline.intermediate.frozen) == ("Detach", True)


def test_published_optimisation_is_the_default():
    training = Recipe().training
    assert (training.optimizer, training.learning_rate, training.betas) == ("adam", 1e-3, (0.9, 0.999))
    assert (training.weight_decay, training.clip_norm, training.epochs) == (1e-6, 1.0, 100)
    assert (training.schedule, training.halve_every) == ("halve", 10)
    assert Recipe().made_tasks["semantics"].min_role_count == 30


def test_overrides():
    recipe = load_recipe(
        "paper/spigot",
        [
            "training.epochs=3",
            "training.learning_rate = 2e-3",
            "training.betas=[0.9, 0.95]",
            "data.root=/some/where",
            'description="mine"',
            "training.clip_norm=7",
            "training.clip_norm=8",
            "system.surrogate.step_size=0.5",
        ],
    )
    assert recipe.training.epochs == 3
    assert recipe.training.learning_rate == 2e-3
    assert recipe.training.betas == (0.9, 0.95)
    assert recipe.data.root == Path("/some/where")
    assert recipe.description == "mine"
    assert recipe.training.clip_norm == 8  # the last one counts
    assert recipe.system.surrogate.arguments == {"step_size": 0.5, "max_norm": 1.0}


def test_another_surrogate_replaces_all_arguments():
    recipe = load_recipe("paper/spigot", ["system.surrogate.name=StraightThrough"])
    assert recipe.system.surrogate.arguments == {}
    recipe = load_recipe("paper/spigot", ['system.surrogate={name="StraightThrough", max_norm=2.0}'])
    assert recipe.system.surrogate.arguments == {"max_norm": 2.0}


def test_a_chain_of_bases(write):
    write('description = "first"\n[training]\nepochs = 5\nseed = 4\n', "first.toml")
    write('base = "first.toml"\n[training]\nepochs = 6\n', "second.toml")
    recipe = load_recipe(write('base = "second.toml"\n[system]\nsyntax = false\n'))
    assert (recipe.training.epochs, recipe.training.seed) == (6, 4)
    assert recipe.system.syntax is None
    assert recipe.description == ""  # a description is of one recipe alone


def test_a_base_is_relative_to_the_recipe(write, tmp_path):
    (tmp_path / "deep").mkdir()
    write("[training]\nseed = 9\n", "top.toml")
    path = write('base = "../top.toml"\n', "deep/mine.toml")
    assert load_recipe(path).training.seed == 9


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_may_be_the_json_that_a_run_keeps(name, write):
    recipe = load_recipe(name)
    assert load_recipe(write(recipe.model_dump_json(exclude_unset=True), "kept.json")) == recipe


def test_a_base_may_be_a_shipped_recipe(write, tmp_path):
    recipe = load_recipe(write('base = "modern/spigot"\n[training]\nseed = 9\n'))
    assert recipe.training.seed == 9
    assert recipe.system == load_recipe("modern/spigot").system
    # A file beside the recipe goes first.
    (tmp_path / "modern").mkdir()
    write("[training]\nseed = 4\n", "modern/spigot")
    assert load_recipe(write('base = "modern/spigot"\n')).training.seed == 4


def test_data_takes_the_place_of_the_recipes_own(write):
    mine = write("[data.builtin]\ndev = 3\n")
    other = write('[data]\nroot = "x"\n[data.semantics]\ntrain = "y.sdp"\n', "data.toml")
    recipe = load_recipe(mine, data=other)
    assert recipe.data.builtin is None
    assert recipe.data.tasks["semantics"].train == Path("y.sdp")
    assert load_recipe(mine, ["data.root=z"], other).data.root == Path("z")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nepoch = 3\n", "training.epoch: no such key"),
        ("[trainings]\nepochs = 3\n", "trainings: no such key"),
        (
            '[system]\nsurrogate = { name = "StraightThrough", step_size = 1.0 }\n',
            r"system.surrogate.step_size: expected an argument of StraightThrough \(max_norm\), got step_size",
        ),
        ("[training]\nepochs = 0\n", "training.epochs: expected a number greater than or equal to 1, got 0"),
        ("[training]\nbetas = [0.9, 1.0]\n", "training.betas.1: expected a number less than 1, got 1.0"),
        ("[training]\nepochs = 'many'\n", "training.epochs: .*, got 'many'"),
        ('[training]\noptimizer = "sgd"\n', "training.optimizer: expected 'adam' or 'adamw', got 'sgd'"),
        ('[system]\nsurrogate = { name = "spigto" }\n', "system.surrogate.name: expected SPIGOT, .*, got 'spigto'"),
        (
            "[system.syntax.encoder]\nhiden = 3\n",
            "system.syntax.encoder.hiden: expected an argument of BiLSTMEncoder .*, got hiden",
        ),
        ("[system.syntax.encoder]\nhidden = 0\n", "system.syntax.encoder.hidden: expected a number .* to 1, got 0"),
        (
            "[system.syntax.encoder]\nvocabulary = 3\n",
            "system.syntax.encoder.vocabulary: expected an argument of BiLSTMEncoder .*, got vocabulary",
        ),
        ('[system.semantics.encoder]\nname = "BiLSTM"\n', "system.semantics.encoder.name: expected BiLSTMEncoder, .*"),
        ('[system]\ntree_feature = { name = "Concat" }\n', "system.tree_feature.name: expected Concatenation, .*"),
        (
            '[training]\nschedule = "linear"\nhalve_every = 3\n',
            'training.halve_every: expected schedule = "halve" beside it, got "linear"',
        ),
        (
            "[training]\nwarmup_epochs = 1\n",
            'training.warmup_epochs: expected schedule = "linear" beside it, got "halve"',
        ),
        (
            '[data.syntax]\ntrain = "x"\n[data.builtin]\n',
            "data.builtin: expected either the built-in corpus or files, got both",
        ),
        (
            "[system]\nsyntax = false\n[intermediate]\npretrain_epochs = 1\n",
            "intermediate: expected an intermediate parser beside it, got a system without one",
        ),
        (
            '[system]\nsyntax = false\ntree_feature = { name = "Concatenation" }\n',
            "system.tree_feature: expected an intermediate parser beside it, got a system without one",
        ),
        (
            '[system]\nsyntax = false\n[training]\nselection = "uas"\n',
            'training.selection: expected "uf" or "lf" in this system, got "uas"',
        ),
        (
            '[system]\nsurrogate = { name = "SPIGOT" }\n[intermediate]\nfrozen = true\npretrain_epochs = 1\n',
            'intermediate.frozen: expected surrogate "Detach" beside it, got "SPIGOT"',
        ),
        (
            "[intermediate]\nfrozen = true\n",
            "intermediate.frozen: expected pretrain_epochs or init beside it, got neither",
        ),
        (
            '[system]\nkind = "syntax-alone"\n[intermediate]\ntrees = "x"\n',
            "intermediate: expected an intermediate parser beside it, got a system without one",
        ),
        (
            '[system]\nkind = "semantics-then-sentiment"\n[intermediate]\ntrees = "x"\n',
            "intermediate.trees: expected a system whose end task reads trees beside it",
        ),
        (
            '[intermediate]\ntrees = "x"\n',
            "intermediate.trees: expected frozen = true and a hard surrogate beside it, got frozen = false",
        ),
        (
            '[system]\nsurrogate = { name = "Marginals" }\n[intermediate]\nfrozen = true\ninit = "a"\ntrees = "x"\n',
            "intermediate.trees: expected frozen = true and a hard surrogate beside it, got a relaxed surrogate",
        ),
        (
            '[intermediate]\nfrozen = true\ninit = "a"\ntrees = "x"\n[data.builtin]\n',
            r"intermediate.trees: expected corpora from files beside it, got \[data.builtin\]",
        ),
        (
            "[intermediate]\nend_task_weight = 0.5\n",
            'intermediate.end_task_weight: expected a surrogate with a gradient, got "Detach"',
        ),
        (
            "[intermediate]\nend_task_warmup = 2\n",
            'intermediate.end_task_warmup: expected a surrogate with a gradient, got "Detach"',
        ),
        (
            "[intermediate]\nown_averages = true\n",
            'intermediate.own_averages: expected a surrogate with a gradient, got "Detach"',
        ),
        (
            LATENT + "sample = 0.5\n",
            'tasks.syntax.sample: expected 1 beside tasks.syntax.loss = "none", got 0.5',
        ),
        (
            LATENT + "loss_weight = 3\n",
            'tasks.syntax.loss_weight: expected 1 beside tasks.syntax.loss = "none", got 3.0',
        ),
        (
            LATENT + "[tasks.semantics]\nsample = 0.5\n",
            'tasks.semantics.sample: expected 1 beside tasks.syntax.loss = "none", got 0.5',
        ),
        (
            FROZEN + "learning_rate_factor = 0.1\n",
            "intermediate.learning_rate_factor: expected 1 beside intermediate.frozen = true, got 0.1",
        ),
        (
            FROZEN + "end_task_weight = 0.1\n",
            "intermediate.end_task_weight: expected 1 beside intermediate.frozen = true, got 0.1",
        ),
        (
            FROZEN + "end_task_warmup = 2\n",
            "intermediate.end_task_warmup: expected 0 beside intermediate.frozen = true, got 2.0",
        ),
        (
            FROZEN + "own_averages = true\n",
            "intermediate.own_averages: expected false beside intermediate.frozen = true, got true",
        ),
        (
            FROZEN + "[tasks.syntax]\nloss_weight = 2\n",
            "tasks.syntax.loss_weight: expected 1 beside intermediate.frozen = true, got 2.0",
        ),
        (
            FROZEN + "[tasks.syntax]\nbetas = [0.5, 0.9]\n",
            r"tasks.syntax.betas: expected none beside intermediate.frozen = true, got \(0.5, 0.9\)",
        ),
        (
            FROZEN + "pretrain_epochs = 1\n[tasks.semantics]\nsample = 0.5\n",
            "tasks.semantics.sample: expected 1 beside intermediate.frozen = true, got 0.5",
        ),
        (
            '[system]\nkind = "syntax-alone"\n[tasks.syntax]\nsample = 0.5\n',
            "tasks.syntax.sample: expected 1 in a system of one task, got 0.5",
        ),
        ('[tasks.syntax]\nloss = "crf"\n', "tasks.syntax.loss: expected 'hinge', 'nll' or 'none', got 'crf'"),
        (
            '[tasks.syntax]\nkind = "semantics"\n',
            "tasks.syntax.kind: expected 'syntax' in this system, got 'semantics'",
        ),
        (
            "[data]\nmax_length = 9\n[data.builtin]\ndev = 3\n",
            "data.max_length: expected none beside the built-in corpus, got 9",
        ),
        (
            "[data.builtin]\ndev = 3\n[data.syntax]\ntrain_ids = 'x'\n",
            "data.syntax.train_ids: expected none beside the built-in corpus, got x",
        ),
        ("[data.builtin.train]\nfoo = 3\n", "data.builtin.train.foo: expected a task, got 'foo'"),
        (
            '[system]\nsurrogate = { name = "SPIGOT" }\n[tasks.syntax]\nloss = "none"\nlabels = false\n'
            "[intermediate]\npretrain_epochs = 0\nend_task_weight = 0.0\n",
            'intermediate.end_task_weight: expected a positive number beside tasks.syntax.loss = "none", got 0',
        ),
        ("[tasks.dm]\n", r"tasks.dm: expected a task of this system \(semantics, syntax\), got 'dm'"),
        ('[data]\nsyntax_train = "x"\n', "data.syntax_train: no such key"),
        ('[data.sintax]\ntrain = "x"\n', r"data.sintax: expected a key of \[data\] or a task, got 'sintax'"),
        ("[data.syntax]\ntrian = 'x'\n", "data.syntax.trian: no such key"),
        ('[system]\nkind = "tagger"\n', "system.kind: expected one of syntax-then-semantics, .*, got 'tagger'"),
        (
            '[system]\nsurrogate = { name = "ScoreFunction" }\n',
            "system.surrogate: expected a surrogate that does not run",
        ),
        ("[training\n", "expected TOML: "),
        ('base = "none.toml"\n', "base: expected the path or the name of a recipe, got 'none.toml'"),
        ("base = 3\n", "base: expected the path or the name of a recipe, got 3"),
        ('base = "mine.toml"\n', "base: expected a recipe that does not build on this one, got 'mine.toml'"),
    ],
)
def test_wrong_recipes_are_errors_of_one_line(write, text, message):
    path = write(text)
    with pytest.raises(RecipeError, match=f"{path}: {message}") as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UserError)


@pytest.mark.parametrize(
    "text",
    [
        LATENT + "sample = 1.0\nloss_weight = 1.0\nbetas = [0.5, 0.9]\n[intermediate]\nlearning_rate_factor = 0.1\n",
        FROZEN + "end_task_weight = 1.0\nend_task_warmup = 0.0\nlearning_rate_factor = 1.0\n",
        FROZEN + "pretrain_epochs = 1\n[tasks.syntax]\nbetas = [0.5, 0.9]\nloss_weight = 2.0\n",
    ],
)
def test_settings_with_an_effect_or_without_a_change(write, text):
    """A latent parser still has a learning rate, and one that is frozen later has a loss before."""
    load_recipe(write(text))


def test_recipes_that_build_on_each_other(write):
    write('base = "mine.toml"\n', "other.toml")
    with pytest.raises(RecipeError, match=r"other.toml: base: .*, got 'mine.toml'"):
        load_recipe(write('base = "other.toml"\n'))


def test_text_that_is_not_utf8(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b'description = "\xff"')
    with pytest.raises(RecipeError, match=r"bad\.toml:1: expected UTF-8 text, got b'\\xff'"):
        load_recipe(str(tmp_path / "bad.toml"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "--set training.epochs: expected section.key=value"),
        ("=3", "--set =3: expected section.key=value"),
        ("..=3", r"^--set \.\.=3: expected section.key=value$"),
        ("training..epochs=3", r"^--set training\.\.epochs=3: expected section.key=value$"),
        ("training.epochs=", "--set training.epochs=: expected an integer, .*, got ''"),
        ("training.epochs.x=1", r"^--set training\.epochs\.x=1: training\.epochs: expected an integer"),
        ("training.epochs = 0", r"^--set training\.epochs = 0: expected a number"),
        ("tasks.sintax.labels=false", r"^--set tasks\.sintax\.labels=false: tasks\.sintax: expected a task"),
        ("systm.surrogate=null", r"^--set systm\.surrogate=null: systm: no such key$"),
        ("system.encodr.hidden=3", r"^--set system\.encodr\.hidden=3: system\.encodr: no such key$"),
        ("tasks.syntax.labels=3", r"^--set tasks\.syntax\.labels=3: expected a boolean, got 3$"),
        ("data.synt.train=3", r"^--set data\.synt\.train=3: expected a path, got 3$"),
        ("training=5", "^--set training=5: expected a table, got 5$"),
        ("tasks=[1, 2]", r"^--set tasks=\[1, 2\]: expected a table, got \[1, 2\]$"),
        ("epochs=5", "--set epochs=5: no such key"),
        ("training.start=", "--set training.start=: expected a path, got ''"),
        (
            'system.surrogate={name="SPIGOT", steps=2}',
            r"^--set system.surrogate=.*: expected a .* steps = 2$",
        ),
        ("training.learning_rate=inf", "--set training.learning_rate=inf: expected a finite number, got inf"),
        ("training={epoch=1, seed=2}", r"--set training=\{epoch=1, seed=2\}: training.epoch: no such key"),
        ("training.epochs=true", "--set training.epochs=true: expected a number, got true"),
        ("training.learning_rate=false", "--set training.learning_rate=false: expected a number, got false"),
        ("training.seed=" + "1" * 80 + "x", r"--set training.seed=1{63}\.\.\.: expected an integer"),
    ],
)
def test_wrong_overrides(override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("paper/spigot", [override])


def test_of_overrides_of_one_key_the_last_is_named():
    with pytest.raises(RecipeError, match=r"^--set training\.epochs=x: expected an integer"):
        load_recipe("modern/spigot-gcn", ["training.epochs=1", "training={seed=2}", "training.epochs=x"])


def test_names():
    assert find_recipe("paper/spigot") == find_recipe("paper/spigot.toml") == SHIPPED / "paper" / "spigot.toml"
    for name in ("paper/spigt", "spigto", "papr/spigot"):
        with pytest.raises(RecipeError, match=rf"{name}: expected a file or one of .*paper/spigot\b"):
            find_recipe(name)
    with pytest.raises(RecipeError) as caught:
        find_recipe("xyz")
    assert all(name in str(caught.value) for name in NAMES)
    with pytest.raises(RecipeError, match="expected a file or one of"):
        find_recipe(str(SHIPPED))


def test_a_folder_with_data(tmp_path):
    content = '[data]\nvectors = "v.txt"\n[data.syntax]\ntrain = "a.conllu"\ndev = "b.conllu"\n'
    (tmp_path / "data.toml").write_text(content, "utf-8")
    data = load_recipe("modern/spigot", data=str(tmp_path)).data
    assert data.root / data.tasks["syntax"].train == tmp_path / "a.conllu"
    assert data.root / data.vectors == tmp_path / "v.txt"
    (tmp_path / "data.toml").write_text(content.replace("[data]", '[data]\nroot = "sub"'), "utf-8")
    assert load_recipe("modern/spigot", data=str(tmp_path)).data.root == tmp_path / "sub"
    with pytest.raises(RecipeError, match=r"--data .*: expected a file or one of"):
        load_recipe("modern/spigot", data=str(tmp_path / "sub"))


def test_wrong_data(write):
    with pytest.raises(RecipeError, match=r"--data .*: expected one table, \[data\], got data, training"):
        load_recipe("demo", data=write("[data]\n[training]\n"))
    with pytest.raises(RecipeError, match=r"--data .*: expected one table, \[data\], got none"):
        load_recipe("demo", data=write(""))
    with pytest.raises(RecipeError, match=r"--data data/redwods: expected a file or one of .*data/redwoods"):
        load_recipe("demo", data="data/redwods")


def test_a_file_of_the_users_comes_before_a_shipped_recipe(tmp_path, monkeypatch):
    (tmp_path / "demo").write_text("[training]\nseed = 77\n")
    monkeypatch.chdir(tmp_path)
    assert load_recipe("demo").training.seed == 77


def test_a_run_that_is_called_as_a_shipped_recipe_does_not_take_its_place(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "recipe.json").write_text('{"training": {"seed": 77}}')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"^demo: expected one recipe, got two: .* \(for the run: \./demo\)$"):
        load_recipe("demo")
    assert load_recipe("./demo").training.seed == 77
    assert load_recipe(str(shipped_recipes()["demo"])).training.seed != 77


def test_parse_recipe_names_its_source():
    with pytest.raises(RecipeError, match=r"there: training\.seed: "):
        parse_recipe({"training": {"seed": -1}}, "there")


@pytest.mark.parametrize("pack", [lambda text: b"\xef\xbb\xbf" + text, gzip.compress])
def test_recipes_are_read_like_other_text(tmp_path, pack):
    path = tmp_path / "mine.toml"
    path.write_bytes(pack(b"[training]\r\nepochs = 3\r\n"))
    assert load_recipe(str(path)).training.epochs == 3


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 5000])
def test_toml_that_python_refuses_is_named(write, text):
    with pytest.raises(RecipeError, match=r"mine\.toml: expected TOML: "):
        load_recipe(write(text))


@pytest.mark.parametrize("table", ["data = 1\n", "[[data]]\n"])
def test_data_that_is_no_table(write, table):
    with pytest.raises(RecipeError, match=r"--data .*other\.toml: expected one table, \[data\], got data$"):
        load_recipe("demo", data=write(table, "other.toml"))


def test_an_error_in_the_data_file_names_that_file(write):
    data = write("[data]\nmax_length = 0\n", "other.toml")
    with pytest.raises(RecipeError, match=r"^--data .*other\.toml: data\.max_length: expected a number greater"):
        load_recipe("demo", data=data)
    with pytest.raises(RecipeError, match=r"^--set training\.epochs=0: expected a number greater"):
        load_recipe("demo", ["training.epochs=0"], data=write("[data]\n", "other.toml"))


def test_the_home_folder_in_paths(tmp_path, monkeypatch, write):
    monkeypatch.setenv("HOME", str(tmp_path))
    write('[data]\nroot = "~/x"\nvectors = "~/v.txt"\nsyntax = { train = "~/t.conllu" }\n')
    data = load_recipe("~/mine.toml").data
    home = (tmp_path / "x", tmp_path / "v.txt", tmp_path / "t.conllu")
    assert (data.root, data.vectors, data.tasks["syntax"].train) == home
