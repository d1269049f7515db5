"""What every command owes: help with examples, exit codes, one sentence where something is wrong, the right server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasktree_jupyter.cli.main import COMMANDS, main
from tests.cli.conftest import Command, Publish, beside, enter, node, terminal
from tests.client.hub import TOKEN, Hub


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(command: str, tasktree: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        tasktree(command, "--help")
    assert ended.value.code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_has_examples_that_parse(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    out = capsys.readouterr().out
    assert f"jupyter tasktree {command}" in out.partition("examples:")[2]
    assert "--url" in out


def test_jupyter_finds_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tasktree_jupyter.cli", "--help"], capture_output=True, text=True, check=True
    )
    for command, (_, about) in COMMANDS.items():
        assert command in done.stdout
        assert about.split(",")[0] in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lists"], "invalid choice"),
        (["show"], "PROJECT"),
        (["show", "p", "--at", "yesterday"], "no moment"),
        (["show", "p", "--depth", "-1"], "--depth"),
        (["demo", "--tasks", "4"], "from 5 to 200000"),
        (["demo", "--fail", "2"], "probability"),
        (["demo", "--project", ""], "1 to 200 characters"),
        (["list", "--url", "localhost"], "http://localhost:8888/"),
        (["list", "--url", "http://localhost:1/?token=abc"], "JUPYTER_TOKEN"),
        (["list", "--ca-file", "/no/such/file"], "--ca-file"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line_and_ends_with_2(
    arguments: list[str], says: str, tasktree: Command
) -> None:
    done = tasktree(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert says in done.err
    assert len(done.err.splitlines()) == 1


# --- which server ---


def test_without_a_server_it_says_how_to_start_or_name_one(tasktree: Command, nowhere: Hub) -> None:
    done = tasktree("list", hub=nowhere)
    assert done.code == 1
    assert "jupyter lab" in done.err
    assert "--url" in done.err


def test_a_server_that_does_not_answer(tasktree: Command, nowhere: Hub) -> None:
    done = tasktree("list", "--url", "http://127.0.0.1:1/", hub=nowhere)
    assert (done.code, done.out) == (1, "")
    assert "Nobody answers at http://127.0.0.1:1/" in done.err


def test_a_wrong_token_is_told_apart_from_a_missing_one(tasktree: Command, hub: Hub, nowhere: Hub) -> None:
    wrong = tasktree("list", "--token", "wrong")
    missing = tasktree("list", "--url", hub.url, hub=nowhere)
    assert (wrong.code, missing.code) == (1, 1)
    assert "refuses the token" in wrong.err
    assert "asks for a login" in missing.err


def test_the_token_may_come_from_the_environment(
    hub: Hub, nowhere: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(monkeypatch, nowhere)
    monkeypatch.setenv("JUPYTER_TOKEN", TOKEN)
    assert main(["list", "--url", hub.url]) == 0
    assert capsys.readouterr().err == ""


def test_a_url_of_a_page_and_another_name_of_this_machine_will_do(tasktree: Command, hub: Hub) -> None:
    assert tasktree("list", "--url", f"http://localhost:{hub.port}/lab/tree/a.ipynb").code == 0


def write_server(hub: Hub, pid: int, root: Path, port: int) -> None:
    info = {"pid": pid, "root_dir": str(root), "port": port, "hostname": "localhost", "base_url": "/", "token": TOKEN}
    (hub.runtime / f"jpserver-{pid}.json").write_text(json.dumps(info), "utf-8")


def test_of_several_servers_none_is_guessed(tasktree: Command, nowhere: Hub, tmp_path: Path) -> None:
    write_server(nowhere, os.getpid(), tmp_path / "one", 41)
    write_server(nowhere, os.getppid(), tmp_path / "two", 42)
    done = tasktree("list", hub=nowhere)
    assert done.code == 2
    assert "--url http://localhost:41/" in done.err
    assert "--url http://localhost:42/" in done.err
    assert str(tmp_path / "two") in done.err


def test_of_several_servers_the_one_whose_folder_this_is_is_meant(
    tasktree: Command, nowhere: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_server(nowhere, os.getpid(), tmp_path, 1)
    write_server(nowhere, os.getppid(), tmp_path / "inner", 2)
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "inner" / "deep")
    assert "http://localhost:2/" in tasktree("list", hub=nowhere).err


def test_two_servers_of_one_folder_are_told_apart_by_the_user(
    tasktree: Command, nowhere: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_server(nowhere, os.getpid(), tmp_path, 1)
    write_server(nowhere, os.getppid(), tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    assert tasktree("list", hub=nowhere).code == 2


def test_files_of_dead_servers_are_passed_over(tasktree: Command, nowhere: Hub, tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_server(nowhere, gone.pid, tmp_path, 41)
    assert "No running Jupyter server" in tasktree("list", hub=nowhere).err


def test_the_server_without_login_has_none(socket_hub: Hub) -> None:
    (file,) = socket_hub.runtime.glob("jpserver-*.json")
    info = json.loads(file.read_text("utf-8"))
    assert (info["token"], info["password"]) == ("", False)


def test_a_unix_socket_with_a_base_url_and_no_login(tasktree: Command, socket_hub: Hub) -> None:
    options = ["--tasks", "5", "--rate", "0", "--fail", "0"]
    played = beside(socket_hub, "demo", "--project", "over a socket", *options)
    out, err = played.communicate(timeout=60)
    assert played.returncode == 0, err
    assert "jupyter tasktree show 'over a socket'" in out
    assert "Grid search" in tasktree("show", "over a socket", hub=socket_hub).out
    watched = beside(socket_hub, "watch", "over a socket", "--until-end")
    out, err = watched.communicate(timeout=60)
    assert (watched.returncode, err) == (0, "")
    assert "-- live: over a socket, Grid search: completed" in out


def test_without_a_login_writing_works_too(
    tasktree: Command, publish: Publish, socket_hub: Hub, tmp_path: Path
) -> None:
    publish("to be brought in", node("r", title="Run", status="running"))
    file = str(tmp_path / "log.jsonl")
    assert tasktree("export", "to be brought in", "-o", file).code == 0
    brought = tasktree("import", file, hub=socket_hub)
    assert brought.code == 0, brought.err
    assert tasktree("delete", "to be brought in", "--yes", hub=socket_hub).code == 0


def test_tls_with_a_certificate_of_ones_own(tasktree: Command, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    hub = Hub(tmp_path / "tls")
    hub.start(f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}")
    try:
        untrusted = tasktree("list", hub=hub)
        assert untrusted.code == 1
        assert "--ca-file" in untrusted.err
        trusted = tasktree("list", "--ca-file", str(certificate), hub=hub)
        assert (trusted.code, trusted.err) == (0, "")
        watched = beside(hub, "watch", "--ca-file", str(certificate))
        assert watched.stdout is not None
        assert watched.stdout.readline() == "-- live: waiting for the first project\n"
        watched.kill()
        watched.communicate()
    finally:
        hub.stop()


# --- list ---


def test_the_list_tells_how_the_newest_run_stands(tasktree: Command, publish: Publish) -> None:
    publish("standing", node("r", title="Run", status="running"), node("a", parent_id="r", title="A", status="failed"))
    publish("standing", node("b", parent_id="r", title="B", status="completed"), node("c", parent_id="r", title="C"))
    done = tasktree("list")
    assert done.code == 0
    (row,) = [line for line in done.out.splitlines() if line.startswith("standing")]
    assert "◐ running" in row
    assert "2/3" in row
    assert "now" in row
    (info,) = [
        each for each in json.loads(tasktree("list", "--json").out)["projects"] if each["project_id"] == "standing"
    ]
    assert info["missions"][0]["mission_id"] == "r"


# --- show ---

HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe [bold red]x[/] \r\nsecond\x9b31m"


def test_show_prints_the_tree_by_title_and_says_what_it_might_have_been(tasktree: Command, publish: Publish) -> None:
    publish("shown", node("r", title="Run", status="running"), node("r/1", parent_id="r", title="one", status="ready"))
    publish("shown", node("r/1/1", parent_id="r/1", title="deep", status="failed", error={"type": "KeyError"}))
    whole = tasktree("show", "shown")
    assert whole.code == 0
    assert "└─ ✕ deep" in whole.out
    assert "KeyError" in whole.out
    shallow = tasktree("show", "shown", "--depth", "1").out
    assert "└─ ○ one" in shallow
    assert "deep" not in shallow
    assert "… 1 failed" in shallow
    ids = [each["node_id"] for each in json.loads(tasktree("show", "shown", "--depth", "1", "--json").out)["nodes"]]
    assert ids == ["r", "r/1"]
    wrong = tasktree("show", "shwn")
    assert wrong.code == 1
    assert "did you mean 'shown'?" in wrong.err
    assert "newest ones are: r" in tasktree("show", "shown", "--mission", "r/1").err


def test_earlier_runs_are_shown_when_asked_for(tasktree: Command, publish: Publish) -> None:
    publish("runs", node("r1", title="First", status="completed"), node("r2", title="Second", status="running"))
    assert "First" not in tasktree("show", "runs").out
    assert "First" in tasktree("show", "runs", "--mission", "r1").out
    both = tasktree("show", "runs", "--mission", "all").out
    assert "First" in both
    assert "Second" in both


def test_what_others_wrote_is_text_in_a_terminal(tasktree: Command, publish: Publish) -> None:
    name = "hostile \u202eelif"
    publish(name, node("r", title=HOSTILE, status="running", message=HOSTILE, agent=HOSTILE))
    for arguments in (["show", name], ["list"], ["show", name, "--mission", HOSTILE], ["show", f"{name}x"]):
        done = tasktree(*arguments)
        assert not set(done.out + done.err) & {"\x1b", "\x07", "\r", "\u202e", "\x9b"}
    assert "[bold red]x[/]" in tasktree("show", name).out


def test_a_locale_without_these_characters_gets_others(hub: Hub, publish: Publish) -> None:
    publish("ascii", node("r", title="Café", status="running"), node("a", parent_id="r", title="A", status="failed"))
    shown = beside(hub, "show", "ascii", environment={"PYTHONIOENCODING": "ascii"})
    out, err = shown.communicate(timeout=60)
    assert (shown.returncode, err) == (0, "")
    assert out.isascii()
    assert "> Caf\\xe9" in out
    assert "`- x A" in out


def test_a_reader_that_goes_away_is_no_traceback(hub: Hub, publish: Publish) -> None:
    publish("pipe", node("r", title="R", status="running"))
    read, write = os.pipe()
    os.close(read)
    shown = beside(hub, "show", "pipe", stdout=write)
    os.close(write)
    _, err = shown.communicate(timeout=60)
    assert err == ""


# --- delete ---


def test_nothing_is_deleted_where_nobody_can_be_asked(tasktree: Command, publish: Publish, hub: Hub) -> None:
    publish("kept", node("r", title="R", status="running"))
    asked = beside(hub, "delete", "kept")
    _, err = asked.communicate(input="y\n", timeout=60)
    assert asked.returncode == 2
    assert "--yes" in err
    assert tasktree("show", "kept").code == 0


def test_the_environment_of_a_terminal_is_the_users(hub: Hub) -> None:
    assert "TASKTREE_CONNECTION_FILE" not in terminal(hub)
