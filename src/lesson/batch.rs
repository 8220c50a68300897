//! Splitting work into parts.

/// Splits items into `parts` parts as even as possible, each with items that lie side by
/// side: the first parts have one more where it does not come out even.
///
/// There are fewer parts when there are fewer items: none is empty.
///
/// ```
/// # use threadbook::prelude::*;
/// assert_eq!(batch(0..7, 3), [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
/// assert_eq!(batch(["a", "b"], 5), [["a"], ["b"]]);
/// ```
///
/// # Panics
/// When `parts` is 0.
#[track_caller]
pub fn batch<T>(items: impl IntoIterator<Item = T>, parts: usize) -> Vec<Vec<T>> {
    at_least_one(parts);
    let items: Vec<T> = items.into_iter().collect();
    let (each, more) = (items.len() / parts, items.len() % parts);
    let mut items = items.into_iter();
    (0..parts.min(items.len())).map(|part| items.by_ref().take(each + usize::from(part < more)).collect()).collect()
}

/// Deals items out to `parts` parts in turn, as cards are dealt: item 0 goes to the
/// first part, item 1 to the second and so on.
///
/// There are fewer parts when there are fewer items: none is empty.
///
/// ```
/// # use threadbook::prelude::*;
/// let files: Vec<String> = (0..5).map(|i| format!("{i:02}.csv")).collect();
/// assert_eq!(deal(files, 2), [vec!["00.csv", "02.csv", "04.csv"], vec!["01.csv", "03.csv"]]);
/// ```
///
/// # Panics
/// When `parts` is 0.
#[track_caller]
pub fn deal<T>(items: impl IntoIterator<Item = T>, parts: usize) -> Vec<Vec<T>> {
    at_least_one(parts);
    let mut dealt: Vec<Vec<T>> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match dealt.get_mut(index % parts) {
            Some(part) => part.push(item),
            None => dealt.push(vec![item]),
        }
    }
    dealt
}

#[track_caller]
fn at_least_one(parts: usize) {
    assert!(parts > 0, "items can be split into one part or more, not into 0");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_whole() {
        for items in 0..30 {
            for parts in 1..12 {
                for split in [batch(0..items, parts), deal(0..items, parts)] {
                    assert_eq!(split.len(), parts.min(items));
                    let sizes: Vec<usize> = split.iter().map(Vec::len).collect();
                    assert!(sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0) <= 1, "{sizes:?}");
                    assert!(sizes.is_sorted_by(|a, b| a >= b));
                    let mut all: Vec<usize> = split.into_iter().flatten().collect();
                    all.sort_unstable();
                    assert_eq!(all, (0..items).collect::<Vec<_>>());
                }
            }
        }
        assert!(batch(0..9, 4).into_iter().flatten().eq(0..9));
    }

    #[test]
    fn the_lessons_files_are_dealt_as_there() {
        let files = (0..11).map(|i| format!("{i:02}.csv"));
        let expected = [
            vec!["00.csv", "03.csv", "06.csv", "09.csv"],
            vec!["01.csv", "04.csv", "07.csv", "10.csv"],
            vec!["02.csv", "05.csv", "08.csv"],
        ];
        assert_eq!(deal(files, 3), expected);
    }

    #[test]
    #[should_panic(expected = "not into 0")]
    fn no_parts_are_refused() {
        batch([1], 0);
    }
}
