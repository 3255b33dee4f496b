//! Whether a picture of a page holds a QR code: nothing may be kept of it then, whatever the page was made of.

/// Whether there is a QR code in the picture. One that cannot be read may hold one.
pub(super) fn may_hold_a_code(png: &[u8]) -> bool {
    let Some((width, height, grey)) = grey(png) else { return true };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| grey[y * width + x]);
    !picture.detect_grids().is_empty()
}

/// Width, height and brightness of each point.
fn grey(png: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let mut bytes = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut bytes).ok()?;
    let samples = info.color_type.samples();
    let colours = if samples < 3 { 1 } else { 3 };
    let light = |point: &[u8]| {
        let sum: u32 = point[..colours].iter().map(|value| u32::from(*value)).sum();
        u8::try_from(sum / u32::try_from(colours).unwrap_or(1)).unwrap_or(u8::MAX)
    };
    let grey: Vec<u8> = bytes[..info.buffer_size()].chunks_exact(samples).map(light).collect();
    let (width, height) = (usize::try_from(info.width).ok()?, usize::try_from(info.height).ok()?);
    (grey.len() == width * height).then_some((width, height, grey))
}

#[cfg(test)]
pub(super) mod tests {
    use super::may_hold_a_code;

    /// A code of version 3 with an `otpauth:` address, row by row.
    pub(crate) const CODE: [&str; 29] = [
        "#######.####.#.#.#....#######",
        "#.....#.#..#.....#..#.#.....#",
        "#.###.#..#...######.#.#.###.#",
        "#.###.#....##.##.##...#.###.#",
        "#.###.#.#..##.##.##...#.###.#",
        "#.....#.###.##..#.#.#.#.....#",
        "#######.#.#.#.#.#.#.#.#######",
        "........##....#.#.#.#........",
        "###..##.##.##.###..######..##",
        "..####.#....#.#.#.######....#",
        ".#....#..##.#.####.#..#...#.#",
        "...#.#....###.#....#...###...",
        "#.#...#..##..#.#..##..##...##",
        "#..##...###...#.########.#.##",
        ".###..##.###.#####.#.####.#.#",
        "#.###..#........#.###..#.#...",
        ".#.##.####.###.###...##.....#",
        ".#...#.#....###.##.#..##.#.##",
        "####..#.#...####..###....##.#",
        "...#.#.#..###..#...#.#####.##",
        "####.##.###..#.#.#.#######...",
        "........##....##....#...#.#.#",
        "#######....#.###..#.#.#.###.#",
        "#.....#.###........##...#...#",
        "#.###.#....####..#.######..#.",
        "#.###.#..#..#...#.#.##..#.#.#",
        "#.###.#.#.#.####..##.#.###.##",
        "#.....#.#####..##.###..##....",
        "#######.###.####.#.##.#..#..#",
    ];

    /// A grey page with the code on a white field, each of its modules so many points wide; none for 0.
    fn page(module: usize) -> Vec<u8> {
        let (width, height) = (1024, 900);
        let mut points = vec![238_u8; width * height];
        let field = (CODE.len() + 8) * module;
        for y in 0..field {
            points[(60 + y) * width + 100..][..field].fill(255);
        }
        for (row, line) in CODE.iter().enumerate() {
            for (column, _) in line.bytes().enumerate().filter(|(_, mark)| *mark == b'#') {
                for y in 0..module {
                    let start = (60 + (row + 4) * module + y) * width + 100 + (column + 4) * module;
                    points[start..start + module].fill(20);
                }
            }
        }
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 1024, 900);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(&points).unwrap();
        png
    }

    #[test]
    fn a_code_of_any_usual_size_is_seen_and_a_page_without_one_is_not() {
        for module in [2, 3, 4, 6, 8, 12] {
            assert!(may_hold_a_code(&page(module)), "{module} points for a module");
        }
        assert!(!may_hold_a_code(&page(0)));
    }

    #[test]
    fn a_picture_that_cannot_be_read_may_hold_one() {
        assert!(may_hold_a_code(b"no picture") && may_hold_a_code(&page(4)[..200]));
    }
}
