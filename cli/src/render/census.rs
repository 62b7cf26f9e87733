//! A census of sockets, for people.

use comfy_table::{Cell, CellAlignment};
use sonde_proto::v1::CountSocketsResponse;

use crate::render::catalogue::table_of;
use crate::render::style::{FAINT, paint};
use crate::render::text::clean;

/// The groups, largest first, and how many sockets there are in all.
pub(crate) fn table(census: &CountSocketsResponse, keys: &[&str], width: usize) -> String {
    let mut header = vec!["COUNT", "RECV-Q", "SEND-Q"];
    header.extend(keys);
    let number = |value: u64| Cell::new(value).set_alignment(CellAlignment::Right);
    let rows = census.groups.iter().map(|group| {
        let mut row = vec![number(group.count), number(group.receive_queue_bytes), number(group.send_queue_bytes)];
        row.extend(group.key.iter().map(|key| Cell::new(if key.is_empty() { "-".to_owned() } else { clean(key) })));
        row
    });
    let listed: u64 = census.groups.iter().map(|group| group.count).sum();
    let mut text = table_of(&header, rows, width);
    let rest = census.total.saturating_sub(listed);
    let sum = if rest == 0 {
        format!("{} sockets", census.total)
    } else {
        format!("{} sockets, {rest} of them in groups that are not listed", census.total)
    };
    text.push_str(&paint(FAINT, &sum));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::CensusGroup;

    use super::*;

    #[test]
    fn groups_are_a_table_with_their_sum() {
        let group = |key: [&str; 2], count, receive_queue_bytes| CensusGroup {
            key: key.map(str::to_owned).into(),
            count,
            receive_queue_bytes,
            send_queue_bytes: 0,
        };
        let census = CountSocketsResponse {
            groups: vec![group(["TIME-WAIT", "10.0.0.5"], 28_200, 0), group(["ESTAB", ""], 12, 4_096)],
            total: 28_215,
        };

        let text = table(&census, &["STATE", "PEER"], 80);

        insta::assert_snapshot!(anstream::adapter::strip_str(&text));
    }
}
