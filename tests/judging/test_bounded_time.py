"""No text takes a reader long: patterns are linear, and of an endless answer both ends are read.

Times are of the test's own thread, without the garbage collector, whose passes grow with what other tests left.
"""

import importlib
import pkgutil
import re
import time

import pytest

import critic_eval.judging
from critic_eval.judging import get_protocol

UNITS = [
    *"a \n[*\"'1{<#(—",
    *("1/", '{"a":', "<think>", "\\boxed{", "> ", "~~"),
    *("A > ", "[[A]] ", "Score: ", "Score: 1\n", "The better response: ", "Response 1 is better ", "says Score: 1 "),
    *("Overall: ", "final verdict ", '"Judgement": ', "[RESULT] 4 ", "Assistant 1: 1", "第一", "if ", "1. A\n", "“a ”"),
]
PROTOCOLS = {
    "llava_critic_pair": 2,
    "verdict_last_score": 1,
    "verdict_last_rank": 4,
    "mllm_judge_score": 1,
    "wildvision_bench": 2,
    "llava_bench_coco": 2,
}


pytestmark = pytest.mark.usefixtures("uncollected")


def patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Every compiled pattern of the package's readers."""
    names = [module.name for module in pkgutil.walk_packages(critic_eval.judging.__path__, "critic_eval.judging.")]
    modules = [importlib.import_module(name) for name in names]
    found = {
        value: f"{module.__name__}.{name}"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }
    return [(name, value) for value, name in found.items()]


@pytest.mark.parametrize(("name", "pattern"), patterns(), ids=lambda value: value if isinstance(value, str) else "")
def test_no_pattern_is_worse_than_linear(name: str, pattern: re.Pattern[str]) -> None:
    for unit in UNITS:
        text = (unit * 16_000)[:16_000] + "!"
        start = time.thread_time()
        for _ in pattern.finditer(text):
            pass
        assert time.thread_time() - start < 1.5, unit


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("unit", ["Score: 1\n", "[[A]] ", "<", "\n", "The better response: "])
def test_a_megabyte_is_read_in_a_second(protocol: str, unit: str) -> None:
    text = (unit * 1_000_000)[:1_000_000] + "The answer is {B}"
    start = time.thread_time()
    get_protocol(protocol).parse(text, PROTOCOLS[protocol])
    assert time.thread_time() - start < 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("text", ["#" * 100_000 + " x {", "\n" * 60_000 + "The answer is {B}", "0x" + "f" * 5_000])
def test_texts_that_took_long_or_raised(protocol: str, text: str) -> None:
    start = time.thread_time()
    get_protocol(protocol).parse(text, PROTOCOLS[protocol])
    assert time.thread_time() - start < 1
