PARAMETERS = {
    "time_scale": 1.0,
    "loop_steps": 4_000_000,
    "countdown_delay": 0.02,
    "unjoined_delay": 0.1,
    "file_count": 300,
    "numbers_per_file": 20,
    "line_pause": 0.01,
    "repeats": 4,
    "task_count": 300,
}
