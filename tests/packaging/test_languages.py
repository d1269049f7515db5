"""JupyterLab's own way to a language: what its server finds, without and with JupyterLab's own language pack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ASK = """
import json, sys
from jupyterlab_server.translation_utils import get_language_pack, get_language_packs
packs, problem = get_language_packs()
words, trouble = get_language_pack(sys.argv[1])
print(json.dumps({"languages": packs, "words": words, "problems": [problem, trouble]}))
"""


def ask(language: str, *path: Path) -> Any:
    """What JupyterLab's server answers to a page in this language; `path`: where Python finds packages besides."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run([sys.executable, "-c", ASK, language], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["problems"] == ["", ""]
    return answer


def make_pack(folder: Path) -> Path:
    """A language pack as JupyterLab's are: a package of catalogues, an entry point, and nothing else."""
    messages = folder / "jupyterlab_language_pack_zh_CN" / "locale" / "zh_CN" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (folder / "jupyterlab_language_pack_zh_CN" / "__init__.py").touch()
    head = {"domain": "jupyterlab", "language": "zh-CN", "plural_forms": "nplurals=1; plural=0;"}
    (messages / "jupyterlab.json").write_text(json.dumps({"": head, "File": ["文件"]}), "utf-8")
    info = folder / "jupyterlab_language_pack_zh_CN-4.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: jupyterlab-language-pack-zh-CN\nVersion: 4.0\n", "utf-8"
    )
    entry = "[jupyterlab.languagepack]\nzh_CN = jupyterlab_language_pack_zh_CN\n"
    (info / "entry_points.txt").write_text(entry, "utf-8")
    return folder


def test_simplified_chinese_is_in_the_language_menu_and_holds_our_words() -> None:
    answer = ask("zh_CN")
    assert "中文" in answer["languages"]["zh_CN"]["nativeName"]
    assert answer["words"]["tasktree_jupyter"]["live"] == ["实时"]


def test_the_pack_of_jupyterlab_itself_loses_nothing_by_ours(tmp_path: Path) -> None:
    words = ask("zh_CN", make_pack(tmp_path))["words"]
    assert words["jupyterlab"]["File"] == ["文件"]
    assert words["tasktree_jupyter"]["live"] == ["实时"]


def test_other_languages_are_left_alone() -> None:
    assert "tasktree_jupyter" not in ask("fr_FR")["words"]
