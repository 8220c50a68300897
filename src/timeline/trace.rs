//! Tasks as a Chrome trace, the JSON that Perfetto and `chrome://tracing` open.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};

use serde_json::json;

use super::record::Record;

/// Writes a "complete" event for each task, and the names of processes and threads.
pub fn write(record: &Record, to: impl Write) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    to.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    let mut is_first = true;
    let mut event = |event: serde_json::Value| {
        if !std::mem::take(&mut is_first) {
            to.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut to, &event).map_err(io::Error::from)
    };
    let processes: BTreeSet<u32> = record.lanes.iter().map(|lane| lane.process).collect();
    for process in processes {
        let name = if process == std::process::id() { "this process" } else { "process" };
        event(json!({"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}))?;
    }
    for (thread, lane) in (1u32..).zip(&record.lanes) {
        let (process, name) = (lane.process, &lane.name);
        event(json!({"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": name}}))?;
        let order = json!({"ph": "M", "name": "thread_sort_index", "pid": process, "tid": thread,
            "args": {"sort_index": thread}});
        event(order)?;
        for &index in &lane.tasks {
            let task = &record.tasks[index];
            event(json!({
                "ph": "X",
                "cat": "task",
                "name": if task.label.is_empty() { "task" } else { &task.label },
                "pid": process,
                "tid": thread,
                // Microseconds.
                "ts": task.start * 1e6,
                "dur": task.duration() * 1e6,
                "args": {"finished": task.finished},
            }))?;
        }
    }
    to.write_all(b"\n]}\n")?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{recorded, workers};
    use super::*;

    #[test]
    fn events_are_in_microseconds() {
        let tasks = vec![recorded("a \"b\"", 0, 1_000, Some(3_500)), recorded("c", 1, 2_000, None)];
        let mut bytes = Vec::new();
        write(&Record::new(tasks, 0, 0, 10_000, workers), &mut bytes).expect("a Vec takes everything");
        let trace: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        let tasks: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(tasks.len(), 2);
        assert_eq!(
            (&tasks[0]["ts"], &tasks[0]["dur"], &tasks[0]["name"]),
            (&json!(1.0), &json!(2.5), &json!("a \"b\""))
        );
        assert_eq!(tasks[1]["args"]["finished"], json!(false));
        assert_ne!(tasks[0]["tid"], tasks[1]["tid"]);
        let names = events.iter().filter(|event| event["name"] == "thread_name").map(|event| &event["args"]["name"]);
        assert_eq!(names.collect::<Vec<_>>(), [&json!("worker 0"), &json!("worker 1")]);
    }
}
