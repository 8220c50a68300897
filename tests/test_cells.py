"""Commands of cells, crates added by them, and how a session goes on."""

import os
import signal
import subprocess

import pytest

from kernel_client import is_running, wait_until


class TestDependencies:
    @pytest.fixture
    def crate(self, tmp_path):
        """A crate in a folder, without dependencies."""
        folder = tmp_path / "tiny_sum"
        (folder / "src").mkdir(parents=True)
        (folder / "Cargo.toml").write_text(
            '[package]\nname = "tiny_sum"\nversion = "0.1.0"\nedition = "2021"\n\n[features]\nextra = []\n'
        )
        (folder / "src/lib.rs").write_text(
            "#[derive(Debug, Clone)]\npub struct Sum(pub i64);\n"
            "pub fn sum(list: &[i64]) -> Sum { Sum(list.iter().sum()) }\n"
            '#[cfg(feature = "extra")]\npub fn extra() -> &\'static str { "extra" }\n'
        )
        return folder

    def test_a_crate_in_a_folder(self, fresh, crate):
        fresh.good("let kept = vec![1i64, 2, 3];")
        added = fresh.good(f':dep tiny_sum = {{ path = "{crate}" }}')
        assert "tiny_sum" in added.notes, str(added)
        fresh.good("let s = tiny_sum::sum(&kept);")
        assert fresh.good("use tiny_sum::Sum;\ns.0 + Sum(1).0").result == "7"
        assert fresh.good("s").result == "Sum(6)"

    def test_a_crate_in_a_git_repository(self, fresh, crate):
        git = ["git", "-c", "user.name=tester", "-c", "user.email=tester@example.org"]
        for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "one"]):
            subprocess.run([*git, *arguments], cwd=crate, check=True)
        cell = fresh.good(f':dep tiny_sum = {{ git = "file://{crate}" }}\ntiny_sum::sum(&[1, 2]).0')
        assert cell.result == "3", str(cell)

    def test_features_and_code_in_the_same_cell(self, fresh, crate):
        cell = fresh.good(f'%dep tiny_sum = {{ path = "{crate}", features = ["extra"] }}\ntiny_sum::extra()')
        assert cell.result == '"extra"'

    def test_another_kernel_has_it_built_already(self, start, crate):
        line = f':dep tiny_sum = {{ path = "{crate}" }}\ntiny_sum::sum(&[1])'
        first, second = start(), start()
        built, found = first.good(line), second.good(line)
        assert built.result == found.result == "Sum(1)"
        assert "Compiling tiny_sum" not in found.notes

    def test_a_folder_that_does_not_exist(self, fresh, tmp_path):
        fresh.good("let kept = 1;")
        cell = fresh.run(f':dep nothing = {{ path = "{tmp_path}/nothing" }}\nlet after = 2;')
        cell.failed("DependencyError", f"{tmp_path}/nothing")
        assert fresh.good("kept").result == "1"
        fresh.run("after").failed("CompileError")

    def test_a_crate_that_does_not_compile(self, fresh, crate):
        (crate / "src/lib.rs").write_text("pub fn broken() -> u8 { \"text\" }")
        cell = fresh.run(f':dep tiny_sum = {{ path = "{crate}" }}')
        cell.failed("DependencyError", "tiny_sum", "mismatched types")
        (crate / "src/lib.rs").write_text("pub fn broken() -> u8 { 1 }")
        assert fresh.good(f':dep tiny_sum = {{ path = "{crate}" }}\ntiny_sum::broken()').result == "1"

    def test_a_crate_that_does_not_exist(self, fresh):
        fresh.good("let kept = vec![1];")
        error = fresh.run(':dep threadbook-no-such-crate-xyz = "1"').failed("DependencyError", "threadbook-no-such-crate-xyz")
        assert len(error.value) < 500 and "\n" not in error.value
        assert fresh.good("kept").result == "[1]"

    def test_a_crate_that_is_there_already(self, fresh):
        fresh.good("let kept = 1;")
        cell = fresh.good(':dep rayon = "1"\nuse rayon::prelude::*;\n(0..10).into_par_iter().sum::<i32>() + kept')
        assert cell.result == "46" and "already here: rayon" in cell.notes, str(cell)

    @pytest.mark.parametrize("line", [':dep', ':dep rand =', ':dep rand = {', ':dep = "1"', ':dep rand = 1', ':dep "rand"'])
    def test_lines_that_cannot_be_read(self, kernel, line):
        error = kernel.run(line).failed("DependencyError")
        assert ("rand" in error.value or ":dep" in error.value) and "\n" not in error.value, str(error)


class TestCommands:
    def test_a_cell_with_only_a_command(self, fresh):
        fresh.good("let n = 1;")
        cell = fresh.good("%vars")
        assert "n" in cell.notes and "i32" in cell.notes and cell.result is None

    def test_commands_and_code(self, fresh):
        cell = fresh.good("// first a comment\n%vars\n\nlet x = 2;\nx")
        assert cell.result == "2"
        error = fresh.run("%vars\nmissing()").failed("CompileError")
        assert "In[2]:2:1" in str(error), str(error)

    def test_nothing_runs_when_a_command_is_unknown(self, fresh):
        fresh.run("%vars\n%no_such_command\nlet x = 1;").failed("UsageError", "no_such_command")
        fresh.run("x").failed("CompileError")

    def test_a_percent_sign_in_code_is_none(self, kernel):
        assert kernel.good("let a = 7;\nlet b = a\n% 4;\nb").result == "3"

    def test_help_names_every_command(self, kernel):
        cell = kernel.good("%help")
        for name in (":dep", "%help", "%vars", ":explain", "%backtrace"):
            assert name in cell.notes

    def test_a_backtrace_on_request(self, fresh):
        fresh.good("fn inner(n: u8) { if n > 0 { panic!(\"deep\") } }\nfn outer() { inner(1) }")
        without = fresh.run("outer()").failed("Panic", "deep")
        assert "outer" not in without.text.replace("outer()", "")
        fresh.good("%backtrace on")
        having = fresh.run("outer();").failed("Panic", "deep", "inner", "outer", "In[1]:1:")
        assert "__tb" not in having.text and "catch_unwind" not in having.text
        fresh.good("%backtrace off")
        assert "latest first" not in fresh.run("outer()").failed("Panic").text


class TestTheSessionGoesOn:
    @pytest.mark.parametrize(
        "code, words",
        [
            ("std::process::abort()", "SIGABRT"),
            ("let p = std::hint::black_box(std::ptr::null_mut::<u8>());\nunsafe { p.write_volatile(1) }", "SIGSEGV"),
            ("fn deep(n: u64) -> u64 { std::hint::black_box([n; 64])[1] + deep(n + 1) }\ndeep(0)", ""),
            ("std::process::exit(3)", "3"),
            ("let t = std::thread::spawn(|| { let _g = Guard; panic!(\"one\") }); struct Guard;\n"
             "impl Drop for Guard { fn drop(&mut self) { panic!(\"two\") } }\nt.join().ok();", "SIGABRT"),
        ],
    )
    def test_after_a_crash(self, fresh, code, words):
        fresh.good("fn kept() -> u8 { 5 }\nstruct Kept(u8);")
        cell = fresh.run("println!(\"before\");\n" + code)
        assert cell.error is not None and cell.error.name == "Crash", str(cell)
        assert words in str(cell.error), str(cell)
        assert "before\n" in cell.stdout
        assert fresh.good("kept() + Kept(1).0").result == "6"

    def test_two_kernels_know_nothing_of_each_other(self, start):
        one, two = start(), start()
        one.good("let mine = 1; static S: u8 = 1;")
        two.run("mine").failed("CompileError")
        two.good("let mine = \"other\";")
        assert (one.good("mine").result, two.good("mine").result) == ("1", '"other"')

    def test_a_crash_with_a_child_process_left(self, fresh):
        # Nothing that a child has inherited may keep the crash from being seen.
        fresh.good('let child = std::process::Command::new("sleep").arg("300").spawn()?;')
        fresh.run("std::process::abort()").failed("Crash", "SIGABRT", "child processes")
        assert fresh.good("1 + 1").result == "2"

    def test_a_process_that_ends_between_cells(self, fresh):
        fresh.good("use std::sync::atomic::{AtomicU32, Ordering::SeqCst};\nstatic N: AtomicU32 = AtomicU32::new(3);")
        worker = int(fresh.good("let kept = 5; N.store(4, SeqCst); std::process::id()").result)
        os.kill(worker, signal.SIGKILL)
        wait_until("the end of the process", lambda: not is_running(worker))
        cell = fresh.run("N.load(SeqCst)")
        if cell.error:
            # The end was not known yet when the cell began.
            cell.failed("Crash", "All variables are as they were before")
            assert fresh.good("N.load(SeqCst)").result in ("3", "4")
            return
        # It may have ended before it could save what the last cell did, which is told then.
        if "as they were after the last cell" in cell.notes:
            assert cell.result == "4", str(cell)
            assert fresh.good("kept").result == "5"
        else:
            assert "as they were before the last cell except `kept`" in cell.notes, str(cell)
            assert cell.result == "3", str(cell)
            fresh.run("kept").failed("CompileError", "was lost")

    def test_environment_and_directory_last(self, fresh, tmp_path):
        fresh.good(f'std::env::set_current_dir("{tmp_path}")?; unsafe {{ std::env::set_var("THREADBOOK_TEST", "set") }};')
        assert fresh.good('(std::env::var("THREADBOOK_TEST")?, std::env::current_dir()?)').result == f'("set", "{tmp_path}")'

    def test_a_file_kept_open(self, fresh, tmp_path):
        fresh.good(f'use std::io::Write; let mut file = std::fs::File::create("{tmp_path}/f")?; writeln!(file, "one")?;')
        fresh.good('writeln!(file, "two")?; drop(file);')
        assert (tmp_path / "f").read_text() == "one\ntwo\n"
