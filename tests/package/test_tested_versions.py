"""An import that fails beside a library that is newer than what was tested names both versions."""

import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from processes import without_diffusers

from aidd.models.tested_versions import TESTED_VERSIONS, UntestedVersionError, naming_untested_versions, release


ROOT = Path(__file__).parents[2]
# As a release to come might be: a class that the pipelines need is not there any more.
BROKEN = """
import aidd.models.tested_versions
aidd.models.tested_versions.TESTED_VERSIONS["transformers"] = "5.0.1"
import sys
from importlib.abc import MetaPathFinder
class Gone(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "transformers.masking_utils":
            raise ImportError("no module named transformers.masking_utils")
sys.meta_path.insert(0, Gone())
sys.modules.pop("transformers.masking_utils", None)
from aidd.cli.main import main
sys.exit(main(["inpaint", sys.argv[1], "restored.flac", "--gap", "3.2", "3.5"]))
"""


def test_a_failed_import_names_what_is_newer_than_tested(monkeypatch):
    monkeypatch.setitem(TESTED_VERSIONS, "numpy", "1.0.0")
    with pytest.raises(UntestedVersionError) as error, naming_untested_versions():
        import_module("numpy.no_such_module")
    assert f"numpy {version('numpy')} is installed, 1.0.0 is the last version that was tested" in str(error.value)
    assert isinstance(error.value.__cause__, ModuleNotFoundError)


def test_where_nothing_is_newer_the_error_is_the_librarys_own(monkeypatch):
    for name in TESTED_VERSIONS:
        monkeypatch.setitem(TESTED_VERSIONS, name, "999")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), naming_untested_versions():
        import_module("numpy.no_such_module")


def test_versions_are_compared_by_their_numbers():
    assert release("2.11.0+cpu") == (2, 11, 0) and release("2.11.0") > release("2.9.1") and release("1.0rc1") == (1, 0)


def test_every_library_that_is_tested_is_one_that_is_required():
    required = re.findall(r"^    ([\w-]+)[<>=]", (ROOT / "setup.cfg").read_text().split("[options.extras")[0], re.M)
    assert set(TESTED_VERSIONS) <= set(required)


def test_the_lowest_versions_are_those_that_the_package_asks_for():
    """`pandas>=2` is `pandas==2.0.0`, and the lowest of matplotlib 3.8 with wheels for numpy 2 is 3.8.4."""
    lowest = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints" / "lowest.txt").read_text(), re.M))
    asked = dict(re.findall(r"^    ([\w-]+)>=([\d.]+)", (ROOT / "setup.cfg").read_text(), re.M))
    extras = {"ruff", "visqol-python", "onnxruntime"}
    assert lowest.keys() == asked.keys() - extras
    for name, version_string in lowest.items():
        assert release(version_string)[: len(release(asked[name]))] == release(asked[name]), name
        assert set(release(version_string)[len(release(asked[name])) :]) <= {0} or name in ("matplotlib", "setuptools")


def test_the_command_line_names_the_versions(tmp_path):
    example = ROOT / "examples" / "audio" / "prelude_bwv848_damaged.flac"
    result = without_diffusers.run("-c", BROKEN, example, folder=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "is installed, 5.0.1 is the last version that was tested" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "restored.flac").exists()
