//! "Did you mean": the known names nearest to a wrong one. Owns no list of names.

/// How many suggestions an error carries.
const MOST: usize = 3;

/// Longer texts are no typing mistakes of a name; characters.
const LONGEST: usize = 64;

/// The candidates nearest to `wanted`, nearest first, at most three; empty when none is near.
///
/// Near is: at most a third of the longer text's characters differ (Levenshtein), or one contains the other.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let length = wanted.chars().count();
    if length == 0 || length > LONGEST {
        return Vec::new();
    }
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = distance(&wanted, candidate);
            let longer = length.max(candidate.chars().count());
            let contains = length >= 3 && (candidate.contains(&wanted) || wanted.contains(candidate));
            (contains || distance * 3 <= longer).then_some((distance, candidate))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().map(|(_, candidate)| candidate).take(MOST).collect()
}

/// Levenshtein's distance, in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, mine) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, theirs) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(mine != *theirs);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_name() {
        assert_eq!(nearest("conect", ["resolve", "connect", "tls"]), ["connect"]);
        assert_eq!(nearest("fw.drop_remot", ["fw.drop_remote", "fw.reject_icmp"]), ["fw.drop_remote"]);
    }

    #[test]
    fn a_part_of_a_name_finds_it() {
        assert_eq!(nearest("drop_remote", ["fw.drop_remote", "fw.reject_icmp"]), ["fw.drop_remote"]);
    }

    #[test]
    fn nothing_is_suggested_for_what_is_far() {
        assert!(nearest("xylophone", ["resolve", "connect"]).is_empty());
        assert!(nearest("", ["resolve"]).is_empty());
        assert!(nearest(&"a".repeat(100_000), ["resolve"]).is_empty());
    }

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
