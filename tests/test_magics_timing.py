"""%time, %timeit and %timeline over a real client: what they print, what stays, what they refuse."""

import re

import pytest

from kernel_client import picture

TIME = r"(?:\d+(?:\.\d+)?(?:e[+-]\d+)?) (?:ns|μs|ms|s)|\d+min \d+s"
LINE = re.compile(
    rf"({TIME}) ± ({TIME}) per loop \(mean ± std\. dev\. of ([\d,]+) runs?, ([\d,]+) loops? each\)"
)
CPU_LINE = re.compile(rf"CPU times: user ({TIME}), sys: ({TIME}), total: ({TIME})(?:, children: ({TIME}))?")
WALL_LINE = re.compile(rf"Wall time: ({TIME})")
UNITS = {"ns": 1e-9, "μs": 1e-6, "ms": 1e-3, "s": 1.0}


def seconds(text):
    number, unit = text.split()
    return float(number) * UNITS[unit]


def timeit_text(cell):
    """What `%timeit` has displayed."""
    cell.good()
    (shown,) = cell.displays
    return shown["text/plain"]


def timeit_line(cell):
    line = LINE.search(timeit_text(cell))
    assert line, str(cell)
    return line


def times(cell):
    """The two lines of `%time`: (total of the processor, wall, children or None)."""
    cpu, wall = CPU_LINE.search(cell.stdout), WALL_LINE.search(cell.stdout)
    assert cpu and wall, str(cell)
    return seconds(cpu[3]), seconds(wall[1]), cpu[4] and seconds(cpu[4])


class TestTimeit:
    def test_a_statement(self, kernel):
        line = timeit_line(kernel.run("%timeit std::hint::black_box(1) + 1"))
        assert line[3] == "7"
        assert re.fullmatch(r"1(0|,?000)*", line[4]), line[0]

    def test_options_decide_runs_loops_and_digits(self, kernel):
        line = timeit_line(kernel.run("%timeit -n 3 -r2 -p 5 sleep(0.002)"))
        assert (line[3], line[4]) == ("2", "3")
        assert seconds(line[1]) >= 0.002
        line = timeit_line(kernel.run("%timeit -n1 -r1 sleep(0.002)"))
        assert line[0].endswith("± 0 ns per loop (mean ± std. dev. of 1 run, 1 loop each)")

    def test_the_setup_is_run_before_every_run_and_not_measured(self, kernel):
        kernel.good("static SETUPS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);")
        line = timeit_line(
            kernel.run(
                "%%timeit -n 2 -r 3 SETUPS.fetch_add(1, std::sync::atomic::Ordering::SeqCst); sleep(0.05); let n = 1;\n"
                "std::hint::black_box(n);"
            )
        )
        assert seconds(line[1]) < 0.05
        assert kernel.good("SETUPS.load(std::sync::atomic::Ordering::SeqCst)").result == "3"

    def test_a_comment_beside_it_is_no_setup(self, kernel):
        assert timeit_line(kernel.run("%%timeit -n 1 -r 1 // nothing to set up\nsleep(0.001)"))

    def test_nothing_of_the_body_stays(self, kernel):
        cell = kernel.run("%%timeit -n 2 -r 2\nlet of_the_body = 5;\nfn in_the_body() {}\nof_the_body")
        timeit_line(cell)
        assert cell.result is None
        kernel.run("of_the_body").failed("CompileError", "of_the_body")
        kernel.run("in_the_body()").failed("CompileError", "in_the_body")

    def test_variables_of_the_notebook_are_used_and_kept(self, kernel):
        kernel.good("let mut rounds = 0_usize; let words = vec![String::from(\"a\")];")
        timeit_line(kernel.run("%timeit -n 5 -r 2 rounds += words.len()"))
        assert kernel.good("(rounds, &words)").result == '(10, ["a"])'

    def test_a_moved_variable_is_explained(self, kernel):
        kernel.good("let given = vec![1];")
        error = kernel.run("%timeit drop(given)").failed("CompileError", "-n 1 -r 1", "given")
        assert "clone" in error.text
        assert kernel.good("given.len()").result == "1"
        timeit_line(kernel.run("%timeit -n 1 -r 1 drop(given)"))
        kernel.run("given").failed("CompileError", "moved")

    def test_the_result_is_a_value(self, kernel):
        cell = kernel.good("%timeit -o -n 2 -r 3 sleep(0.001)")
        assert not cell.displays and LINE.search(cell.result)
        cell = kernel.good("%timeit -q -v kept -n 2 -r 3 sleep(0.001)")
        assert not cell.displays and cell.stdout == ""
        fields = "(kept.loops, kept.repeat, kept.all_runs.len(), kept.best <= kept.average, kept.average <= kept.worst)"
        assert kernel.good(fields).result == "(2, 3, 3, true, true)"
        assert kernel.good("kept.percentile(0.0) <= kept.percentile(100.0) && kept.best >= 0.001").result == "true"
        kernel.run("%timeit -v 5x 1").failed("UsageError", "-v")

    def test_a_histogram_stands_beside_the_text(self, kernel):
        cell = kernel.good("%timeit -n 2 -r 5 sleep(0.001)")
        (shown,) = cell.displays
        assert "<svg" in picture(shown) and LINE.search(shown["text/html"])

    def test_an_error_is_the_cells_and_no_time_is_told(self, kernel):
        cell = kernel.run('%%timeit\n"x".parse::<i32>()?')
        cell.failed("Error", "InvalidDigit")
        assert not cell.displays and "per loop" not in cell.stdout
        cell = kernel.run('%timeit panic!("in the body")')
        cell.failed("Panic", "in the body")
        assert not cell.displays

    def test_awaiting(self, kernel):
        line = timeit_line(kernel.run("%timeit -n 2 -r 2 tokio::time::sleep(std::time::Duration::from_millis(2)).await"))
        assert seconds(line[1]) >= 0.002

    def test_removed_work_is_told(self, kernel):
        loop = "let mut sum = 0u64;\nfor i in 0..10_000_000u64 {{ sum += {}; }}\nsum"
        assert "black_box" in timeit_text(kernel.run("%%timeit -r 2\n" + loop.format("i")))
        text = timeit_text(kernel.run("%%timeit -r 2\n" + loop.format("std::hint::black_box(i)")))
        assert LINE.search(text) and "too fast" not in text

    def test_it_can_stand_between_statements(self, kernel):
        cell = kernel.good("let list = vec![3, 1, 2];\n%timeit -n 1 -r 1 list.len()\nlist.len()")
        assert LINE.search(cell.notes) and cell.result == "3"

    def test_errors_point_to_the_cells_lines(self, kernel):
        error = kernel.run("%%timeit let a = 1;\n\na + missing").failed("CompileError", "missing")
        assert ":3:5" in error.text

    @pytest.mark.parametrize(
        ("code", "words"),
        [("%timeit -x 1", "-n N, -r R"), ("%%timeit", "lines below"), ("%timeit -n x 1", "not `x`"), ("%timeit -n", "-n N")],
    )
    def test_wrong_use(self, kernel, code, words):
        kernel.run(code).failed("UsageError", words)

    def test_alone_it_does_nothing(self, kernel):
        cell = kernel.good("%timeit")
        assert not cell.outputs

    def test_an_interrupt_stops_it_with_all_kept(self, fresh):
        fresh.good("let kept = 7; let worker = std::process::id();")
        cell = fresh.send('%%timeit println!("it waits");\nstd::hint::black_box(5)')
        fresh.see(cell, "it waits")
        fresh.stop(cell)
        cell.failed("KeyboardInterrupt")
        assert fresh.good("(kept, worker == std::process::id())").result == "(7, true)"


class TestTime:
    def test_what_it_defines_stays_and_the_value_comes_after_the_times(self, kernel):
        cell = kernel.good("%%time\nlet of_a_timed_cell = vec![1, 2];\nfn timed() -> i32 { 3 }\nsleep(0.02);\ntimed()")
        processor, wall, children = times(cell)
        assert wall >= 0.02 and processor < wall and children is None
        assert [kind for kind, _ in cell.outputs] == ["stdout", "execute_result"]
        assert cell.result == "3"
        assert kernel.good("(of_a_timed_cell.len(), timed())").result == "(2, 3)"

    def test_a_line(self, kernel):
        cell = kernel.good("let a = 1;\n%time let of_the_line = a + 1;\nof_the_line")
        times(cell)
        assert cell.result == "2"
        cell = kernel.good("%time 1 + 1")
        times(cell)
        assert cell.result == "2"

    def test_computing_counts_as_processor_time(self, kernel):
        code = "let end = std::time::Instant::now() + std::time::Duration::from_millis(200);\n"
        cell = kernel.good("%%time\n" + code + "while std::time::Instant::now() < end {}")
        processor, wall, _ = times(cell)
        assert processor > 0.02 and wall >= 0.2

    @pytest.mark.parametrize(
        ("code", "name"), [('panic!("in time")', "Panic"), ('"x".parse::<i32>()?;', "Error")], ids=["panic", "error"]
    )
    def test_times_are_printed_when_the_code_fails(self, kernel, code, name):
        cell = kernel.run("%%time\n" + code)
        cell.failed(name)
        times(cell)
        cell = kernel.good("%%time --no-raise-error\n" + code)
        times(cell)
        assert ("in time" if name == "Panic" else "InvalidDigit") in cell.notes

    def test_children_are_told_when_they_worked(self, kernel):
        work = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
        code = f'std::process::Command::new("sh").args(["-c", "{work}"]).status()?.success()'
        cell = kernel.good("%%time\n" + code)
        assert times(cell)[2] > 0
        assert cell.result == "true"

    def test_it_is_release_code(self, kernel):
        # As in a finished program, sums that are too large wrap.
        kernel.good("let largest = std::hint::black_box(u8::MAX);")
        assert kernel.good("%time largest + std::hint::black_box(1)").result == "0"
        kernel.run("largest + std::hint::black_box(1)").failed("Panic", "overflow")

    def test_wrong_use(self, kernel):
        kernel.run("%%time 5\n1").failed("UsageError", "lines below")
        kernel.run("%time").failed("UsageError", "%time f()")


def chart(cell):
    """What `%timeline` has displayed, in letters."""
    charts = [shown for shown in cell.displays if " task" in shown["text/plain"].splitlines()[0]]
    assert len(charts) == 1, str(cell)
    assert picture(charts[0]), str(cell)
    return charts[0]["text/plain"]


class TestTimeline:
    TASKS = "ThreadPoolExecutor::new(2).map(|n: u64| {{ sleep(0.01); n * n }}, 0..{})?"

    def test_what_it_defines_stays_and_the_value_comes_after_the_chart(self, kernel):
        cell = kernel.good(f"%%timeline\nlet of_a_drawn_cell = {self.TASKS.format(6)};\nof_a_drawn_cell.len()")
        assert "6 tasks on 2 workers" in chart(cell)
        assert [kind for kind, _ in cell.outputs] == ["display_data", "execute_result"]
        assert cell.result == "6"
        assert kernel.good("of_a_drawn_cell").result == "[0, 1, 4, 9, 16, 25]"

    def test_a_line_leaves_the_others_out(self, kernel):
        tasks = self.TASKS.format(3)
        cell = kernel.good(f"let _before = {tasks};\n%timeline -v recorded let three = {tasks};\nlet _after = {tasks};")
        assert "3 tasks on 2 workers" in chart(cell)
        cell = kernel.good("(three.len(), recorded.tasks().len(), recorded.workers().len())")
        assert cell.result == "(3, 3, 2)"

    def test_processes_and_spans_are_seen(self, kernel):
        cell = kernel.good(
            "%%timeline -v with_children\n"
            '{ let _span = span("here"); sleep(0.001); }\n'
            "let children = ProcessPool::new(2);\n"
            "let same = children.map(|n: u64| n, 0..4)?;\n"
            "children.close();\nchildren.join();"
        )
        assert "not finished" not in chart(cell), str(cell)
        cell = kernel.good(
            "let tasks = with_children.tasks();\n"
            "let own = tasks.iter().filter(|task| task.process == std::process::id()).count();\n"
            "(tasks.len() > own, own)"
        )
        assert cell.result == "(true, 1)"

    @pytest.mark.parametrize(
        ("code", "name"), [('panic!("drawn");', "Panic"), ('"x".parse::<i32>()?;', "Error")], ids=["panic", "error"]
    )
    def test_the_chart_is_there_when_the_code_fails(self, kernel, code, name):
        cell = kernel.run(f"%%timeline -v of_a_failure\nlet _done = {self.TASKS.format(4)};\n{code}")
        cell.failed(name)
        assert "4 tasks" in chart(cell)
        kernel.run("of_a_failure").failed("CompileError", "of_a_failure")

    def test_nothing_to_draw_says_what_is_recorded(self, kernel):
        assert "`span`" in chart(kernel.good("%timeline std::thread::spawn(|| ()).join().is_ok()"))

    def test_magics_within_are_not_drawn_apart(self, kernel):
        cell = kernel.good(f"%%timeline\n%%capture hidden\nlet _two = {self.TASKS.format(2)};")
        assert not cell.displays, str(cell)
        assert kernel.good("hidden.displays.len()").result == "1"
        cell = kernel.good(f"%%timeline\n%time let _one = {self.TASKS.format(1)};\nlet _two = {self.TASKS.format(2)};")
        times(cell)
        assert "2 tasks" in chart(cell)

    def test_wrong_use(self, kernel):
        kernel.run("%%timeline 5\n1").failed("UsageError", "lines below")
        kernel.run("%timeline").failed("UsageError", "%timeline f()")
        kernel.run("%timeline -v 5x 1").failed("UsageError", "-v")
        kernel.run("%timeline -q 1").failed("UsageError", "-v NAME")


class TestFunctions:
    def test_timeit_shows_and_returns(self, kernel):
        cell = kernel.good("let result = timeit(|| sleep(0.001));\nresult.repeat")
        assert LINE.search(cell.displays[0]["text/plain"])
        assert cell.result == "7"

    def test_time_returns_the_value(self, kernel):
        cell = kernel.good("time(|| { sleep(0.01); 5 })")
        assert times(cell)[1] >= 0.01
        assert cell.result == "5"

    def test_a_timer_tells_when_it_is_dropped(self, kernel):
        cell = kernel.good('{ let _timer = Timer::new("the work"); sleep(0.01); }\nprintln!("after");')
        assert "the work" in cell.stdout.splitlines()[0] and cell.stdout.splitlines()[-1] == "after"
