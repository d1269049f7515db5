"""简体中文, chosen in JupyterLab: what stands in the panel, in outputs and in menus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.jupyter import Jupyter
from tests.browser.lab import Lab

LANGUAGE = "@jupyterlab/translation-extension/plugin.jupyterlab-settings"

RUN = """
import tasktree_jupyter as tt
with tt.task("训练", expected=6) as run:
    for n in range(3):
        with tt.task(f"拟合 {n}", params={"深度": n}) as fit:
            fit.log("收敛")
    try:
        with tt.task("评估"):
            raise ValueError("没有数据")
    except ValueError:
        pass
"""


@pytest.fixture(scope="module")
def chinese_jupyter(make_jupyter: MakeJupyter, tmp_path_factory: pytest.TempPathFactory) -> Jupyter:
    home = tmp_path_factory.mktemp("home")
    settings = home / "settings" / LANGUAGE
    settings.parent.mkdir(parents=True)
    settings.write_text('{"locale": "zh_CN"}', "utf-8")
    return make_jupyter(home)


@pytest.fixture
def chinese(chinese_jupyter: Jupyter, open_lab: OpenLab) -> Iterator[Lab]:
    yield open_lab(chinese_jupyter)
    chinese_jupyter.shut_down_kernels()


def test_in_chinese_no_word_of_ours_is_english(chinese: Lab) -> None:
    chinese.open_notebook("训练.ipynb", [RUN])
    chinese.run_all()
    output = chinese.tree_in_cell(0).wait_shown()
    panel = chinese.open_panel().wait_shown()
    for view in (output, panel):
        expect(view.root.get_by_role("treegrid")).to_have_attribute("aria-label", "训练 的任务")
        expect(view.root.locator(".tt-stat-failed")).to_have_text("1 个失败")
    node = chinese.page.locator("#tasktree-panel")
    expect(node.get_by_role("heading", name="项目")).to_be_visible()
    expect(node.locator(".tt-foot .tt-connection-text")).to_have_text("实时")
    output.root.get_by_role("row", name="评估").click()
    details = output.root.get_by_role("region", name="评估 的详情")
    expect(details).to_contain_text("失败，用时")
    expect(details.get_by_role("button", name="复制错误回溯")).to_be_visible()
    label = "() => window.jupyterapp.commands.label('tasktree:open-panel')"
    assert chinese.page.evaluate(label) == "显示任务树"
    chinese.screenshot("chinese-light")
    chinese.theme("JupyterLab Dark")
    chinese.screenshot("chinese-dark")


def test_the_settings_are_in_chinese_and_are_found(chinese: Lab) -> None:
    chinese.command("tasktree:open-settings")
    editor = chinese.page.locator(".jp-SettingsPanel")
    expect(editor.get_by_text("重连次数")).to_be_visible()
    expect(editor.get_by_text("显示当前笔记本的项目，除非选择了其他项目。").last).to_be_visible()
    chinese.screenshot("chinese-settings")
