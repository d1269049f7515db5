"""In a real kernel: a run shows itself under its cell at once, and how it ended stays there."""

from __future__ import annotations

from collections.abc import Callable

from tests.client.hub import Hub
from tests.display.kernel import STORED, WIDGET, Kernel, data, display_id, stored

ONE_RUN = """
import tasktree_jupyter as tt
print("before")
with tt.task("Grid search") as run:
    print("inside")
    with tt.task("fit 1"):
        print("nested")
    with tt.task("fit 2") as t:
        t.update(progress=0.5, metrics={"auc": 0.93})
print("after")
"""


def test_a_root_shows_itself_at_once_and_how_it_ended_takes_its_place(kernel: Kernel) -> None:
    cell = kernel.run(ONE_RUN)
    assert cell.order() == ["before", "display", "inside", "nested", "update", "after"]
    [shown], [ended] = cell.displays, cell.updates
    assert display_id(shown) == display_id(ended)
    assert shown["parent_header"]["msg_id"] == cell.request
    assert "◐ Grid search" in data(shown)["text/plain"]
    assert "✓ Grid search" in data(ended)["text/plain"]
    assert stored(ended)["ended"]
    assert [node["title"] for node in stored(ended)["nodes"]] == ["Grid search", "fit 1", "fit 2"]
    assert "fit 2" in data(ended)["text/html"]


def test_with_a_server_an_output_is_the_stored_tree_html_and_text_and_no_widget(
    kernel_with_server: Kernel, hub: Hub
) -> None:
    cell = kernel_with_server.run(ONE_RUN)
    assert cell.order() == ["before", "display", "inside", "nested", "update", "after"]
    for message in (*cell.displays, *cell.updates):
        assert set(data(message)) == {STORED, "text/html", "text/plain"}
    bundle = stored(cell.updates[0])
    kernel_with_server.run("assert tt.flush()")
    info = hub.ask(f"projects/{bundle['project_id']}")
    assert info["missions"][0]["mission_id"] == bundle["mission_id"]
    assert bundle["offset"] <= info["offset"]
    assert set(hub.nodes(bundle["project_id"])) >= {node["node_id"] for node in bundle["nodes"]}


def test_without_a_server_a_run_under_way_is_a_widget_with_html_and_text_and_its_end_is_stored(kernel: Kernel) -> None:
    cell = kernel.run(ONE_RUN)
    assert set(data(cell.displays[0])) == {WIDGET, "text/html", "text/plain"}
    assert "Grid search" in data(cell.displays[0])["text/html"]
    assert set(data(cell.updates[0])) == {STORED, "text/html", "text/plain"}
    assert stored(cell.updates[0])["project_id"] is None
    model = data(cell.displays[0])[WIDGET]["model_id"]
    assert model in {message["content"]["comm_id"] for message in cell.of("comm_open")}
    assert model in {message["content"]["comm_id"] for message in cell.of("comm_close")}


def test_each_run_of_a_cell_shows_its_own_run(kernel: Kernel) -> None:
    first, second = kernel.run(ONE_RUN), kernel.run(ONE_RUN)
    missions = [stored(cell.updates[0])["mission_id"] for cell in (first, second)]
    assert missions[0] != missions[1]
    assert display_id(first.displays[0]) != display_id(second.displays[0])
    assert len(second.updates) == 1


def test_a_failed_run_shows_its_error_and_the_exception_goes_on(kernel: Kernel) -> None:
    cell = kernel.run(
        """
import tasktree_jupyter as tt
try:
    with tt.task("Grid search"):
        raise ValueError("Input X contains NaN.")
except ValueError:
    print("raised")
"""
    )
    assert cell.order() == ["display", "update", "raised"]
    assert "✕ Grid search  failed" in data(cell.updates[0])["text/plain"]
    assert "ValueError: Input X contains NaN." in data(cell.updates[0])["text/plain"]
    assert "Input X contains NaN." in data(cell.updates[0])["text/html"]


def test_a_waiting_view_says_what_to_do_and_shows_the_first_run_that_starts_and_no_other(kernel: Kernel) -> None:
    waiting = kernel.run("import tasktree_jupyter as tt\ntt.view()")
    [shown] = waiting.displays
    assert data(shown)["text/plain"].startswith("Waiting for the first task in")
    assert "with tt.task(" in data(shown)["text/html"]
    cell = kernel.run(ONE_RUN)
    replaced = [message for message in cell.updates if display_id(message) == display_id(shown)]
    assert len(replaced) == 2
    assert "◐ Grid search" in data(replaced[0])["text/plain"]
    assert "✓ Grid search" in data(replaced[1])["text/plain"]
    again = kernel.run(ONE_RUN)
    assert display_id(shown) not in {display_id(message) for message in again.updates}


def test_a_view_that_follows_goes_on_to_each_newer_run(kernel: Kernel) -> None:
    [shown] = kernel.run("import tasktree_jupyter as tt\ntt.view(follow=True)").displays
    missions = []
    for _ in range(2):
        cell = kernel.run(ONE_RUN)
        [_, replaced] = [message for message in cell.updates if display_id(message) == display_id(shown)]
        assert stored(replaced)["follow"]
        missions.append(stored(replaced)["mission_id"])
    assert missions[0] < missions[1]


def test_a_view_is_text_when_printed_and_the_newest_run_once_it_has_ended(kernel: Kernel) -> None:
    kernel.run(ONE_RUN)
    cell = kernel.run("print(tt.view()); tt.view()")
    assert cell.text().startswith("✓ Grid search")
    assert set(data(cell.displays[0])) == {STORED, "text/html", "text/plain"}


def test_a_root_that_ends_in_a_thread_while_a_cell_runs_is_brought_up_to_date_when_the_cell_is_done(
    kernel: Kernel,
) -> None:
    cell = kernel.run(
        """
import tasktree_jupyter as tt, threading
run = tt.task("Grid search")
run.open()
thread = threading.Thread(target=run.close, args=(None,))
thread.start()
thread.join()
print("joined")
"""
    )
    assert cell.order() == ["display", "joined", "update"]
    assert cell.updates[0]["parent_header"]["msg_id"] == cell.request
    assert "✓ Grid search" in data(cell.updates[0])["text/plain"]


def test_a_root_that_ends_between_cells_is_brought_up_to_date_then_and_again_with_the_next_cell(kernel: Kernel) -> None:
    kernel.run(
        """
import tasktree_jupyter as tt, threading
go_on = threading.Event()
run = tt.task("Grid search")
run.open()
def end():
    go_on.wait()
    run.close(None)
thread = threading.Thread(target=end)
thread.start()
"""
    )
    kernel.run("import asyncio; asyncio.get_event_loop().call_later(0.2, go_on.set)")
    between = kernel.wait_for("update_display_data")
    assert "✓ Grid search" in data(between)["text/plain"]
    cell = kernel.run("pass")
    assert [display_id(message) for message in cell.updates] == [display_id(between)]
    assert cell.updates[0]["parent_header"]["msg_id"] == cell.request
    assert kernel.run("pass").updates == []


def test_a_root_in_a_thread_shows_nothing_by_itself(kernel: Kernel) -> None:
    cell = kernel.run(
        """
import tasktree_jupyter as tt, threading
def work():
    with tt.task("in a thread"):
        pass
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    )
    assert cell.displays == []


REFUSED = 'tt.emit("mission_snapshot", snapshot_id="a", project="refusals")\n' * 2


def test_what_the_server_refused_is_told_once_under_the_cell_that_sent_it(kernel_with_server: Kernel) -> None:
    cell = kernel_with_server.run(REFUSED + "assert tt.flush()")
    assert cell.text("stderr").count("snapshot 'a' already") == 1
    assert kernel_with_server.run("pass").text("stderr") == ""


def test_the_end_of_a_cell_waits_a_moment_for_refusals_and_never_tells_one_twice(kernel_with_server: Kernel) -> None:
    kernel_with_server.run(REFUSED + "assert tt.flush()")
    told = [kernel_with_server.run(code).text("stderr") for code in (REFUSED, "tt.flush()", "pass")]
    assert "".join(told).count("snapshot 'a' already") == 2
    assert told[2] == ""


def test_a_run_of_another_process_is_shown_by_its_projects_name(
    kernel_with_server: Kernel, start_kernel: Callable[..., Kernel], hub: Hub
) -> None:
    kernel_with_server.run(
        'with tt.task("etl", project="nightly-etl"):\n    with tt.task("load"): pass\nassert tt.flush()'
    )
    other = start_kernel(hub)
    [shown] = other.run('import tasktree_jupyter as tt\ntt.view("nightly-etl", follow=True)').displays
    bundle = stored(shown)
    assert [node["title"] for node in bundle["nodes"]] == ["etl", "load"]
    assert (bundle["project_id"], bundle["follow"], bundle["ended"]) == ("nightly-etl", True, True)
    info = hub.ask("projects/nightly-etl")
    assert (bundle["epoch"], bundle["offset"], bundle["title"]) == (info["epoch"], info["offset"], info["title"])
    assert "✓ etl" in data(shown)["text/plain"]


def test_after_a_restart_of_the_kernel_the_newest_run_is_still_there(
    start_kernel: Callable[..., Kernel], hub: Hub
) -> None:
    ended = start_kernel(hub).run(ONE_RUN + "assert tt.flush()").updates[0]
    [shown] = start_kernel(hub).run("import tasktree_jupyter as tt\ntt.view()").displays
    assert stored(shown)["mission_id"] == stored(ended)["mission_id"]
    assert "✓ Grid search" in data(shown)["text/plain"]


def test_without_a_display_nothing_is_published_but_the_view_still_works(kernel: Kernel) -> None:
    kernel.run("import tasktree_jupyter as tt; tt.configure(display=False)")
    cell = kernel.run(ONE_RUN)
    assert cell.displays == cell.updates == []
    assert len(kernel.run("tt.view()").displays) == 1


def test_a_broken_display_breaks_no_run(kernel: Kernel) -> None:
    kernel.run(
        """
import tasktree_jupyter as tt
from tasktree_jupyter.display import text
def broken(*args, **options):
    raise RuntimeError("broken")
text.render = broken
"""
    )
    cell = kernel.run(ONE_RUN)
    assert cell.text().split() == ["before", "inside", "nested", "after"]


def test_an_interrupted_run_shows_that_it_was_cancelled(kernel: Kernel) -> None:
    kernel.run("import tasktree_jupyter as tt, time")
    kernel.client.execute('with tt.task("Grid search"):\n    time.sleep(60)')
    shown = kernel.wait_for("display_data")
    kernel.interrupt()
    ended = kernel.wait_for("update_display_data")
    assert display_id(ended) == display_id(shown)
    assert "⊘ Grid search  cancelled" in data(ended)["text/plain"]
