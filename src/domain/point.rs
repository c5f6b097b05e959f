//! Where on the earth an article happens.

use std::fmt;

/// Steps of one degree: seven decimals, about a centimetre. What a map says beyond that is noise.
const STEPS_PER_DEGREE: f64 = 1e7;
/// Greatest latitude, in degrees.
const LATITUDE_MAX: u8 = 90;
/// Greatest longitude, in degrees.
const LONGITUDE_MAX: u8 = 180;

/// A point on the earth: WGS 84, decimal degrees, to seven decimals.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    latitude: f64,
    longitude: f64,
}

/// Why two values are no point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPoint {
    /// Half a point.
    #[error("{name} is missing, expected both latitude and longitude or neither")]
    Half {
        /// Which is missing.
        name: &'static str,
    },
    /// No number, or one that no place has.
    #[error("{name} `{value}` is no number from -{max} to {max}")]
    Unusable {
        /// Latitude or longitude.
        name: &'static str,
        /// What stands there.
        value: String,
        /// The greatest one, in degrees.
        max: u8,
    },
    /// 0 and 0: what a form holds that nobody filled in.
    #[error("0 0 lies in the sea off Africa, and is what an empty form says")]
    Nowhere,
}

impl Point {
    /// Reads the two numbers as a store writes them; `None` where there is neither.
    ///
    /// # Errors
    /// [`NotAPoint`].
    pub fn read(latitude: Option<&str>, longitude: Option<&str>) -> Result<Option<Self>, NotAPoint> {
        let (latitude, longitude) = match (latitude, longitude) {
            (Some(latitude), Some(longitude)) => (latitude, longitude),
            (None, None) => return Ok(None),
            (None, _) => return Err(NotAPoint::Half { name: "latitude" }),
            (_, None) => return Err(NotAPoint::Half { name: "longitude" }),
        };
        let latitude = degrees("latitude", latitude, LATITUDE_MAX)?;
        let longitude = degrees("longitude", longitude, LONGITUDE_MAX)?;
        let is_nowhere = latitude == 0.0 && longitude == 0.0;
        if is_nowhere { Err(NotAPoint::Nowhere) } else { Ok(Some(Self { latitude, longitude })) }
    }

    /// Degrees north of the equator; south is negative.
    #[must_use]
    pub const fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich; west is negative.
    #[must_use]
    pub const fn longitude(self) -> f64 {
        self.longitude
    }
}

/// Latitude, a space, longitude, as GeoRSS has them: the fewest decimals that say the number, never an exponent.
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.latitude, self.longitude)
    }
}

fn degrees(name: &'static str, text: &str, max: u8) -> Result<f64, NotAPoint> {
    let unusable = || NotAPoint::Unusable { name, value: text.trim().to_owned(), max };
    let degrees: f64 = text.trim().parse().ok().ok_or_else(unusable)?;
    if !(-f64::from(max)..=f64::from(max)).contains(&degrees) {
        return Err(unusable());
    }
    // Adding 0 makes 0 of -0.
    Ok((degrees * STEPS_PER_DEGREE).round() / STEPS_PER_DEGREE + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_written_shortest() {
        let check = |latitude: &str, longitude: &str, expect: &str| {
            assert_eq!(Point::read(Some(latitude), Some(longitude)).unwrap().unwrap().to_string(), expect);
        };
        check("21.3227", "105.4019", "21.3227 105.4019");
        check(" 21.322700 ", "105", "21.3227 105");
        check("-90", "180.0", "-90 180");
        check("8.6", "1.0e-05", "8.6 0.00001");
        check("21.32274999999999", "-1e-9", "21.32275 0");
    }

    #[test]
    fn what_is_no_point_says_why() {
        let check = |latitude: Option<&str>, longitude: Option<&str>, expect: &str| {
            assert_eq!(Point::read(latitude, longitude).unwrap_err().to_string(), expect);
        };
        let half = |name: &str| format!("{name} is missing, expected both latitude and longitude or neither");
        check(None, Some("105"), &half("latitude"));
        check(Some("21"), None, &half("longitude"));
        check(Some("105.4"), Some("21.3"), "latitude `105.4` is no number from -90 to 90");
        check(Some("21,3"), Some("105"), "latitude `21,3` is no number from -90 to 90");
        check(Some("21"), Some("NaN"), "longitude `NaN` is no number from -180 to 180");
        check(Some("21"), Some("inf"), "longitude `inf` is no number from -180 to 180");
        check(Some("0.0"), Some("-0"), "0 0 lies in the sea off Africa, and is what an empty form says");
        assert_eq!(Point::read(None, None), Ok(None));
    }
}
