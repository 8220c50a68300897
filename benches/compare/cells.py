"""The cells that are measured: in Rust, and the same in Python."""

SMALL = {
    "rust": [
        "let a{n} = {n};",
        "a{n} + 1",
        "fn f{n}(x: i32) -> i32 {{ x + {n} }}",
        "f{n}(a{n})",
        'println!("{{}}", f{n}(2));',
        "let v{n} = vec![1, 2, {n}];",
        "v{n}.iter().sum::<i32>()",
        'let s{n} = String::from("text {n}");',
        "s{n}.len()",
        "#[derive(Debug)]\nstruct P{n} {{ x: i32 }}",
        "let p{n} = P{n} {{ x: {n} }};\np{n}.x",
        "let mut m{n} = 0;\nfor i in 0..10 {{ m{n} += i; }}\nm{n}",
    ],
    "python": [
        "a{n} = {n}",
        "a{n} + 1",
        "def f{n}(x): return x + {n}",
        "f{n}(a{n})",
        "print(f{n}(2))",
        "v{n} = [1, 2, {n}]",
        "sum(v{n})",
        's{n} = "text {n}"',
        "len(s{n})",
        "class P{n}:\n    def __init__(self, x): self.x = x",
        "p{n} = P{n}({n})\np{n}.x",
        "m{n} = 0\nfor i in range(10): m{n} += i\nm{n}",
    ],
}
"""Each is new: `{n}` is a number that comes once. In order, as later ones use what earlier ones define."""

FIRST = {"rust": "1 + {n}", "python": "1 + {n}"}
LET = {"rust": "let first{n} = {n};", "python": "first{n} = {n}"}

WORK = {
    "a loop that adds 10⁷ numbers": (
        "let mut sum = 0_u64; for i in 0..10_000_000_u64 { sum += std::hint::black_box(i); } std::hint::black_box(sum);",
        "total = 0\nfor i in range(10_000_000): total += i",
    ),
    "the sum of 10⁶ squares": (
        "std::hint::black_box((0..1_000_000_u64).map(|i| { let i = std::hint::black_box(i); i * i }).sum::<u64>());",
        "sum(i * i for i in range(1_000_000))",
    ),
    "200 threads started and joined": (
        "for _ in 0..200 { Thread::spawn(|| ()).join(); }",
        "import threading\nfor _ in range(200):\n    thread = threading.Thread(target=lambda: None)\n"
        "    thread.start()\n    thread.join()",
    ),
    "two threads that count down from 5·10⁶": (
        "fn count_down(mut n: u64) { while n > 0 { n = std::hint::black_box(n) - 1; } }\n"
        "let threads: Vec<Thread> = (0..2).map(|_| Thread::spawn(|| count_down(5_000_000))).collect();\n"
        "for thread in &threads { thread.join(); }",
        "import threading\n"
        "def count_down(n):\n    while n > 0: n -= 1\n"
        "threads = [threading.Thread(target=count_down, args=(5_000_000,)) for _ in range(2)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()",
    ),
    "a pool of 4 threads maps 10⁶ tiny tasks": (
        "let pool = ThreadPool::new(4);\n"
        "std::hint::black_box(pool.map(|n: u64| std::hint::black_box(n) + 1, 0..1_000_000)?);\n"
        "pool.close();\npool.join();",
        "from multiprocessing.pool import ThreadPool\n"
        "with ThreadPool(4) as pool: pool.map(lambda n: n + 1, range(1_000_000))",
    ),
    "20 processes started and joined": (
        "for _ in 0..20 { let child = Process::new(|| ()); child.start(); child.join(); }",
        "import multiprocessing\n"
        "def nothing(): pass\n"
        'context = multiprocessing.get_context("fork")\n'
        "for _ in range(20):\n    process = context.Process(target=nothing)\n    process.start()\n    process.join()",
    ),
    "a pool of 2 processes maps 10⁶ numbers": (
        "let pool = ProcessPool::new(2);\n"
        "std::hint::black_box(pool.map(|n: u64| n + 1, 0..1_000_000)?);\n"
        "pool.close();\npool.join();",
        "import multiprocessing\n"
        "def increment(n): return n + 1\n"
        'with multiprocessing.get_context("fork").Pool(2) as pool: pool.map(increment, range(1_000_000))',
    ),
}
"""What the lessons do, in Rust with the prelude and in Python with its own library."""

TURNS_OF_WORK = 5


def timed(language, work):
    """A cell that prints how many seconds the work takes, once for each turn."""
    if language == "rust":
        return (
            f"for _ in 0..{TURNS_OF_WORK} {{\nlet begin = std::time::Instant::now();\n{{\n{work}\n}}\n"
            'println!("{}", begin.elapsed().as_secs_f64());\n}'
        )
    indented = "\n".join("    " + line for line in work.splitlines())
    return (
        f"import time\nfor _ in range({TURNS_OF_WORK}):\n    begin = time.perf_counter()\n{indented}\n"
        "    print(time.perf_counter() - begin)"
    )
