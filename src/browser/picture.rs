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
