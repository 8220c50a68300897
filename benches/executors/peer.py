"""The Python side of `cargo bench --bench executors`: the same work by Python's own executors.

`python3 peer.py WORKERS` measures each once, when its name comes in on stdin, and answers with the
seconds that it took, so that both sides can take turns.
"""

import multiprocessing
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

TINY_TASKS = 1_000_000
ROUND_TRIPS = 10_000
PROCESSES = 50
INTEGERS = 10_000_000


def increment(number):
    return number + 1


def nothing():
    pass


def thread_pool_map(workers):
    with ThreadPool(workers) as pool:
        start = time.perf_counter()
        pool.map(increment, range(TINY_TASKS))
        return time.perf_counter() - start


def round_trips(workers):
    with ThreadPoolExecutor(workers) as executor:
        start = time.perf_counter()
        for number in range(ROUND_TRIPS):
            executor.submit(increment, number).result()
        return time.perf_counter() - start


def process_start_and_join(_workers):
    start = time.perf_counter()
    for _ in range(PROCESSES):
        process = multiprocessing.Process(target=nothing)
        process.start()
        process.join()
    return time.perf_counter() - start


def process_pool_map(workers):
    start = time.perf_counter()
    with multiprocessing.Pool(workers) as pool:
        pool.map(increment, range(INTEGERS))
    return time.perf_counter() - start


WORK = {work.__name__: work for work in (thread_pool_map, round_trips, process_start_and_join, process_pool_map)}

if __name__ == "__main__":
    # As on the other side: the child has what its parent had.
    multiprocessing.set_start_method("fork")
    workers = int(sys.argv[1])
    for line in sys.stdin:
        print(WORK[line.strip()](workers), flush=True)
