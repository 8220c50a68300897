"""What a notebook shows of running work: timelines, progress in place, speed-up; and that the
site and files of lessons outlive a crash.
"""

import json

from kernel_client import picture

SLEEPERS = """
let timeline = Timeline::start();
std::thread::scope(|scope| for name in ["left", "right"] {
    std::thread::Builder::new().name(name.into()).spawn_scoped(scope, || { let _span = span("nap 7"); sleep(0.05); }).unwrap();
});
timeline.stop()
"""


def test_a_timeline_is_a_chart_and_a_trace(kernel, tmp_path):
    cell = kernel.good(SLEEPERS)
    assert "<svg" in picture(cell.bundle) and ">left</text>" in picture(cell.bundle)
    assert cell.result.startswith("2 tasks on 2 workers in ")
    # The next cell has it, too.
    assert kernel.good("timeline.workers()").result == '["left", "right"]'
    path = tmp_path / "trace.json"
    kernel.good(f'timeline.save_trace("{path}")?;')
    tasks = [event for event in json.loads(path.read_text())["traceEvents"] if event["ph"] == "X"]
    assert [task["name"] for task in tasks] == ["nap 7", "nap 7"]
    assert all(task["dur"] >= 50_000 for task in tasks) and len({task["tid"] for task in tasks}) == 2


def test_a_recording_outlives_a_crash(kernel):
    kernel.good("let before = Timeline::start();")
    kernel.run('let within = Timeline::start(); drop(span("lost")); std::process::abort();').failed("Crash")
    kernel.good('drop(span("after")); before.stop();')
    labels = kernel.good("before.tasks().iter().map(|task| task.label.clone()).collect::<Vec<_>>()").result
    assert labels == '["lost", "after"]'


def test_progress_is_shown_in_place(kernel):
    cell = kernel.good('for _ in progress(0..40).label("naps") { sleep(0.02); }')
    shown = cell.contents("display_data", "update_display_data")
    assert len({message["transient"]["display_id"] for message in shown}) == 1
    assert len(cell.contents("display_data")) == 1
    # The first, the last, and one for each tenth of a second: a slow computer has more time.
    seconds = cell.times[-1]
    assert 4 <= len(shown) <= 3 + 10 * seconds
    assert shown[0]["data"]["text/plain"].startswith("naps:   0 % ")
    assert shown[-1]["data"]["text/plain"].startswith("naps: 100 % ") and " 40/40, " in shown[-1]["data"]["text/plain"]
    assert 'role="progressbar"' in shown[-1]["data"]["text/html"]


def test_progress_says_where_an_interrupt_stopped_it(kernel):
    cell = kernel.begin('for step in progress(0..1000) { if step == 30 { println!("it waits"); } sleep(0.01); }')
    kernel.stop(cell)
    assert "stopped at " in cell.notes.splitlines()[-1], cell


def test_an_interrupt_ends_the_wait_for_a_page(kernel):
    kernel.good("let site = Site::start()?; site.set_delay(100.0);")
    cell = kernel.begin('println!("it waits"); get(&site.page(1))?;')
    kernel.stop(cell)
    assert cell.error is not None
    kernel.good("site.set_delay(0.0);")
    assert kernel.good("get(&site.page(1))?.document().title()").result == 'Some("Page 1")'


def test_site_and_files_outlive_a_crash(kernel):
    kernel.good("let site = Site::start()?; let files = TestFiles::numbers(2, 5)?; let page = site.page(3);")
    kernel.run("std::process::abort()").failed("Crash")
    # At the same address as before.
    assert kernel.good("site.url(\"\"); get(&page)?.document().title()").result == 'Some("Page 3")'
    assert kernel.good("files.paths().iter().all(|path| path.exists())").result == "true"
    directory = kernel.good("let directory = files.directory().to_owned(); drop(files); directory.exists()")
    assert directory.result == "false"


def test_speedup_is_a_table_and_a_plot(kernel):
    cell = kernel.good("speedup([1, 2], |workers| sleep(0.02 / workers as f64))")
    assert "<table" in cell.bundle["text/html"] and "<svg" in picture(cell.bundle)
    assert cell.result.splitlines()[0].split() == ["workers", "time", "speed-up", "efficiency"]


def test_random_numbers_are_pythons(kernel):
    cell = kernel.good("random::seed(0); (0..4).map(|_| random::randrange(5_000_000..10_000_000)).collect::<Vec<i32>>()")
    assert cell.result == "[8231671, 8528010, 5339607, 7171951]"


def test_all_of_it_is_kept_for_later_cells(kernel):
    kernel.good(
        """
        let kept_progress = Progress::new(10).label("kept");
        let kept_items = progress(vec![1, 2, 3]);
        let kept_speedup = speedup([1], |_| ());
        let kept_timeline = Timeline::start();
        let kept_random = random::Random::seeded(3);
        let kept_page = Document::parse("<title>kept</title>");
        let kept_elements = kept_page.select("title")?;
        let kept_task: Option<Task> = None;
        """
    )
    cell = kernel.good(
        """
        kept_progress.inc(4);
        let mut kept_random = kept_random;
        (kept_progress.done(), kept_items.sum::<i32>(), kept_speedup.points().len(), kept_timeline.stop().lost(),
            kept_random.randint(1, 6), kept_elements[0].text(), kept_task)
        """
    )
    assert cell.result.replace("\n", "").replace(" ", "") == '(4,6,1,0,2,"kept",None,)' or cell.result == '(4, 6, 1, 0, 2, "kept", None)'
