"""A compiler that has changed since the install: the kernel builds the prelude again by itself."""

import subprocess
from pathlib import Path

PATIENCE = 600


def other_compiler(folder):
    """The compiler at hand, in a place of its own and saying that it is of another day."""
    real = Path(subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip())
    (folder / "bin").mkdir()
    (folder / "lib").symlink_to(real / "lib")
    (folder / "bin" / "cargo").symlink_to(real / "bin" / "cargo")
    rustc = folder / "bin" / "rustc"
    rustc.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f'"--print sysroot") echo "{folder}"; exit ;;\n'
        f'*-vV*) "{real}/bin/rustc" -vV | sed "s/^commit-date: .*/commit-date: 2001-02-03/"; exit ;;\n'
        "esac\n"
        f'exec "{real}/bin/rustc" "$@"\n'
    )
    rustc.chmod(0o755)
    return rustc


def test_the_prelude_is_built_again_and_the_cell_runs(start, tmp_path):
    folder = tmp_path / "toolchain"
    folder.mkdir()
    kernel = start(env={"RUSTC": str(other_compiler(folder))})
    cell = kernel.run("use rayon::prelude::*;\n(1..=4).into_par_iter().sum::<i32>()", patience=PATIENCE)
    assert cell.status == "ok" and cell.result == "10", cell
    assert "Compiling" in cell.notes and "Linking" in cell.notes, f"progress is shown while it builds:\n{cell}"
    again = kernel.run("1 + 1")
    assert again.result == "2" and not again.notes, again
