"""What `ipmi_lan` itself offers: each name is there, from where it is said to be, and loads no more than it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ipmi_lan
from ipmi_lan import errors

NEED_TRIO = {"probe_bmc", "Client", "Endpoint", "LocalBmc", "open_client", "open_endpoint", "open_local"}


@pytest.mark.parametrize("name", ipmi_lan.__all__)
def test_each_name_is_there(name: str) -> None:
    value = getattr(ipmi_lan, name)
    assert value is getattr(ipmi_lan, name)
    assert name in dir(ipmi_lan)


def test_each_name_is_told_to_the_type_checker_from_where_it_is_loaded() -> None:
    tree = ast.parse(Path(ipmi_lan.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {
        alias.name: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert told == {name: ipmi_lan._HOME_OF.get(name, "ipmi_lan.errors") for name in ipmi_lan.__all__}
    assert sorted(set(ipmi_lan.__all__)) == sorted(ipmi_lan.__all__)


def test_every_error_that_a_caller_may_meet_is_public() -> None:
    mine = {name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__}
    inside = {"NotAuthentic"}           # never leaves a session
    special = {"SuiteUnavailable"}      # a BadArgument
    assert mine - inside - special <= set(ipmi_lan.__all__)
    assert all(issubclass(getattr(errors, name), errors.IpmiError) for name in mine)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ipmi_lan.nonsense
    with pytest.raises(ImportError):
        from ipmi_lan import nonsense  # noqa: F401
    assert not hasattr(ipmi_lan, "__wrapped__")


def test_only_what_needs_trio_loads_it() -> None:
    program = (
        "import sys, ipmi_lan\n"
        "for name in ipmi_lan.__all__:\n"
        "    for module in [name for name in sys.modules if name.split('.')[0] in ('trio', 'ipmi_lan') and name != 'ipmi_lan']:\n"
        "        del sys.modules[module]\n"
        "    vars(ipmi_lan).pop(name, None)\n"
        "    getattr(ipmi_lan, name)\n"
        "    print(name, 'trio' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    needs = {line.split()[0] for line in done.stdout.splitlines() if line.endswith("True")}
    assert len(done.stdout.splitlines()) == len(ipmi_lan.__all__), done.stderr
    assert needs == NEED_TRIO


def test_everything_at_once() -> None:
    program = "from ipmi_lan import *\nprint(sorted(name for name in dir() if not name.startswith('_')))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (f"{sorted(ipmi_lan.__all__)}\n", "")
