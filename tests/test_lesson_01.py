PARAMETERS = {
    "loop_steps": 4_000_000,
    "countdown_delay": 0.01,
    "unjoined_delay": 0.06,
    "file_count": 200,
    "numbers_per_file": 10,
    "line_pause": 0.01,
    "repeats": 3,
    "speedup_steps": 2_000_000,
    "task_count": 300,
}
