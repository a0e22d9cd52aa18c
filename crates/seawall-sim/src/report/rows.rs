use std::io::{self, Write};

/// Writes rows so that their cells stand below each other: the first of each row to the left, the others to the right.
pub(super) fn write(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cell = |(index, (cell, width)): (usize, (&String, &usize))| match index {
            0 => format!("{cell:width$}"),
            _ => format!("  {cell:>width$}"),
        };
        let line: String = row.iter().zip(&widths).enumerate().map(cell).collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_stand_below_each_other() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "2 µs".to_owned()]];
        let mut out = Vec::new();
        super::write(&mut out, &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a        1\nlong  2 µs\n");
    }
}
