"""Variables of several types for the soak test: the Rust that makes, changes and shows one,
and in Python what it must then be."""

SETUP = """
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
#[derive(Debug, Clone, PartialEq)]
struct Point { x: i32, y: i32, label: String }
impl Point { fn shift(&mut self, by: i32) { self.x += by; self.y -= by; } }
""" + "".join(f"static count{n}: AtomicI64 = AtomicI64::new(0);\n" for n in range(4))


class Number:
    name = "number"

    def define(self, name, draw):
        value = draw.randrange(-1000, 1000)
        return f"let mut {name}: i64 = {value};", value

    def change(self, name, value, draw):
        by = draw.randrange(1, 100)
        return f"{name} += {by};", value + by

    def show(self, name):
        return name

    def shown(self, value):
        return str(value)


class List:
    name = "list"

    def define(self, name, draw):
        value = [draw.randrange(100) for _ in range(draw.randrange(5))]
        return f"let mut {name}: Vec<i32> = vec!{value};", value

    def change(self, name, value, draw):
        if len(value) > 20:
            return f"{name}.clear();", []
        if value and draw.random() < 0.3:
            return f"{name}.pop();", value[:-1]
        new = draw.randrange(100)
        return f"{name}.push({new});", [*value, new]

    def show(self, name):
        return f'format!("{{:?}}", {name})'

    def shown(self, value):
        return str(value)


class Text:
    name = "text"

    def define(self, name, draw):
        value = draw.choice(["", "a", "größe", "🦀"])
        return f'let mut {name} = String::from("{value}");', value

    def change(self, name, value, draw):
        if len(value) > 60:
            return f"{name} = String::new();", ""
        new = draw.choice(["x", "é", "->", "🦀"])
        return f'{name}.push_str("{new}");', value + new

    def show(self, name):
        return f'format!("<{{}}>", {name})'

    def shown(self, value):
        return f"<{value}>"


class Map:
    name = "map"

    def define(self, name, draw):
        value = {f"k{n}": draw.randrange(100) for n in range(draw.randrange(4))}
        inserts = "".join(f'{name}.insert("{key}".to_string(), {number});' for key, number in value.items())
        return f"let mut {name}: HashMap<String, i32> = HashMap::new(); {inserts}", value

    def change(self, name, value, draw):
        key, number = f"k{draw.randrange(12)}", draw.randrange(100)
        if key in value and draw.random() < 0.5:
            return f'{name}.remove("{key}");', {k: n for k, n in value.items() if k != key}
        return f'*{name}.entry("{key}".into()).or_insert(0) += {number};', {**value, key: value.get(key, 0) + number}

    def show(self, name):
        return f'{{ let mut all: Vec<_> = {name}.iter().map(|(k, v)| format!("{{k}}={{v}}")).collect(); all.sort(); format!("{{{{{{}}}}}}", all.join(" ")) }}'

    def shown(self, value):
        return "{" + " ".join(sorted(f"{key}={number}" for key, number in value.items())) + "}"


class Struct:
    name = "point"

    def define(self, name, draw):
        x, y = draw.randrange(100), draw.randrange(100)
        return f'let mut {name} = Point {{ x: {x}, y: {y}, label: "{name}".into() }};', (x, y, name)

    def change(self, name, value, draw):
        by = draw.randrange(1, 9)
        x, y, label = value
        return f"{name}.shift({by});", (x + by, y - by, label)

    def show(self, name):
        return f'format!("{{}} {{}} {{}}", {name}.x, {name}.y, {name}.label)'

    def shown(self, value):
        return " ".join(map(str, value))


class Shared:
    """Two variables for one value."""

    name = "shared"

    def define(self, name, draw):
        value = [draw.randrange(100)]
        return f"let {name} = Rc::new(RefCell::new(vec!{value})); let {name}_twin = Rc::clone(&{name});", value

    def change(self, name, value, draw):
        if len(value) > 20:
            return f"{name}_twin.borrow_mut().clear();", []
        new = draw.randrange(100)
        return f"{name}{draw.choice(['', '_twin'])}.borrow_mut().push({new});", [*value, new]

    def show(self, name):
        return f'format!("{{:?}} {{}} {{}}", {name}.borrow(), Rc::strong_count(&{name}), Rc::ptr_eq(&{name}, &{name}_twin))'

    def shown(self, value):
        return f"{value} 2 true"


class Static:
    name = "count"

    def define(self, name, draw):
        value = draw.randrange(1000)
        return f"{name}.store({value}, SeqCst);", value

    def change(self, name, value, draw):
        by = draw.randrange(1, 100)
        return f"{name}.fetch_add({by}, SeqCst);", value + by

    def show(self, name):
        return f"{name}.load(SeqCst)"

    def shown(self, value):
        return str(value)


class Locked:
    """Changed on another thread."""

    name = "locked"

    def define(self, name, draw):
        value = draw.randrange(1000)
        return f"let {name} = Arc::new(Mutex::new({value}i64));", value

    def change(self, name, value, draw):
        by = draw.randrange(1, 100)
        return f"{{ let mine = Arc::clone(&{name}); std::thread::spawn(move || *mine.lock().unwrap() += {by}).join().unwrap(); }}", value + by

    def show(self, name):
        return f"*{name}.lock().unwrap()"

    def shown(self, value):
        return str(value)


TYPES = [Number(), List(), Text(), Map(), Struct(), Shared(), Static(), Locked()]
