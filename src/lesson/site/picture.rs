//! Pictures of any size, as PNG files that are not compressed.

/// A picture of `width` by `height` pixels in 16 colours, which follow from `name`.
pub fn png(width: usize, height: usize, name: &str) -> Vec<u8> {
    let hue = name.bytes().fold(7u32, |hue, byte| hue.wrapping_mul(31).wrapping_add(byte.into()));
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    // Four bits a pixel, which choose from a palette.
    header.extend([4, 3, 0, 0, 0]);

    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"PLTE", &palette(hue));
    chunk(&mut png, b"IDAT", &stored(&rows(width, height)));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn palette(hue: u32) -> Vec<u8> {
    let (red, green, blue) = (60 + hue % 120, 60 + (hue >> 8) % 120, 60 + (hue >> 16) % 120);
    (0..16u32).flat_map(|step| [red, green, blue].map(|part| (part * (step + 6) / 16).min(255) as u8)).collect()
}

/// Rings around the middle. Each row begins with a byte that says that it is not filtered.
fn rows(width: usize, height: usize) -> Vec<u8> {
    let pixel = |x: usize, y: usize| {
        let (dx, dy) = (x.abs_diff(width / 2), y.abs_diff(height / 2));
        let ring = ((dx * dx + dy * dy) as f64).sqrt() as usize / 6 % 32;
        (if ring < 16 { ring } else { 31 - ring }) as u8
    };
    let mut rows = Vec::with_capacity(height * (1 + width.div_ceil(2)));
    for y in 0..height {
        rows.push(0);
        for x in (0..width).step_by(2) {
            let right = if x + 1 < width { pixel(x + 1, y) } else { 0 };
            rows.push(pixel(x, y) << 4 | right);
        }
    }
    rows
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    let from = png.len();
    png.extend(kind);
    png.extend(data);
    let sum = crc32(&png[from..]);
    png.extend(sum.to_be_bytes());
}

/// A zlib stream whose blocks are stored as they are (RFC 1950, RFC 1951).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut value, mut bit) = (index as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |sum, byte| TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ (sum >> 8))
}

fn adler32(bytes: &[u8]) -> u32 {
    // So many additions fit into 32 bits.
    let (a, b) = bytes.chunks(5552).fold((1u32, 0u32), |(a, b), chunk| {
        let (a, b) = chunk.iter().fold((a, b), |(a, b), byte| (a + u32::from(*byte), b + a + u32::from(*byte)));
        (a % 65_521, b % 65_521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the two sums.
    #[test]
    fn sums_are_right() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; 100_000]), 0x149a_302c);
    }

    #[test]
    fn sizes_are_exact() {
        for (width, height) in [(1, 1), (3, 2), (400, 600)] {
            let png = png(width, height, "x");
            assert_eq!(png[16..24], [(width as u32).to_be_bytes(), (height as u32).to_be_bytes()].concat());
            assert!(png.len() > height * width.div_ceil(2) && png.len() < height * width.div_ceil(2) + height + 300);
        }
        assert_ne!(png(4, 4, "a"), png(4, 4, "b"));
    }
}
