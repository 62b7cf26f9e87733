//! LOC (RFC 1876 section 3): a place on earth.

use std::fmt::Write;

use crate::dns::reader::{Malformed, Reader};

/// Of latitude and longitude; in thousandths of a second of arc.
const MIDDLE: i64 = 1 << 31;
/// Centimetres from the lowest altitude to that of the reference spheroid.
const SEA_LEVEL: i64 = 10_000_000;

pub(super) fn write(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let what = "a location";
    let [version, size, horizontal, vertical] = data.array(what)?;
    if version != 0 {
        return Err(Malformed(format!("a location of version {version}")));
    }
    let (latitude, longitude) = (i64::from(data.u32(what)?) - MIDDLE, i64::from(data.u32(what)?) - MIDDLE);
    let altitude = i64::from(data.u32(what)?) - SEA_LEVEL;
    angle(text, latitude, 90, ['N', 'S'])?;
    text.push(' ');
    angle(text, longitude, 180, ['E', 'W'])?;
    let sign = if altitude < 0 { "-" } else { "" };
    let altitude = altitude.unsigned_abs();
    // Writing to a string cannot fail.
    let _ = write!(text, " {sign}{}.{:02}m", altitude / 100, altitude % 100);
    for precision in [size, horizontal, vertical] {
        text.push(' ');
        length(text, precision)?;
    }
    Ok(())
}

fn angle(text: &mut String, thousandths: i64, most_degrees: u64, [plus, minus]: [char; 2]) -> Result<(), Malformed> {
    let way = if thousandths < 0 { minus } else { plus };
    let thousandths = thousandths.unsigned_abs();
    if thousandths > most_degrees * 3_600_000 {
        return Err(Malformed("a location beyond the poles".to_owned()));
    }
    let (degrees, minutes) = (thousandths / 3_600_000, thousandths / 60_000 % 60);
    let (seconds, rest) = (thousandths / 1000 % 60, thousandths % 1000);
    let _ = write!(text, "{degrees} {minutes} {seconds}.{rest:03} {way}");
    Ok(())
}

/// Two digits, mantissa and power of ten, in centimetres.
fn length(text: &mut String, precision: u8) -> Result<(), Malformed> {
    let (mantissa, exponent) = (u64::from(precision >> 4), u32::from(precision & 0x0f));
    if mantissa > 9 || exponent > 9 {
        return Err(Malformed("a location's precision that is not two digits".to_owned()));
    }
    let centimetres = mantissa * 10_u64.pow(exponent);
    let _ = if exponent < 2 { write!(text, "0.{centimetres:02}m") } else { write!(text, "{}m", centimetres / 100) };
    Ok(())
}
