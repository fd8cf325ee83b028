"""What `critic_eval` imports, and when: nothing heavy before a critic is loaded, and never lmms-eval."""

import subprocess
import sys

import critic_eval

HEAVY = ("torch", "transformers", "datasets", "pandas", "scipy", "matplotlib", "lmms_eval")


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after some code."""
    told = f"{code}\nimport sys\nprint('\\n'.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_else() -> None:
    assert not modules_after("import critic_eval") & {*HEAVY, "numpy", "PIL", "httpx", "tqdm"}


def test_the_loader_is_light_until_it_loads() -> None:
    assert not modules_after("from critic_eval import load_critic, Scored, Compared, Ranked, Critic") & set(HEAVY)


def test_a_comparison_never_imports_lmms_eval() -> None:
    code = (
        "from critic_eval import load_critic\n"
        "from PIL import Image\n"
        "with load_critic('digits', device='cpu', max_new_tokens=8) as critic:\n"
        "    result = critic.compare(Image.new('RGB', (32, 32)), 'Which digit?', 'It is a 7.', 'It is a 3.')\n"
        "assert len(result.texts) == 2"
    )
    modules = modules_after(code)
    assert "torch" in modules
    assert "lmms_eval" not in modules


def test_names_are_listed_and_others_are_not_there() -> None:
    assert set(critic_eval.__all__) <= set(dir(critic_eval))
    for name in critic_eval.__all__:
        assert getattr(critic_eval, name) is not None
    assert not hasattr(critic_eval, "load_critics")
