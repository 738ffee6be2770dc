//! Currencies of ISO 4217 that have a minor unit.
//!
//! The exponent is never "divide by 100": JPY has 0 digits, KWD 3, CLF 4. Metals,
//! funds without minor units and test codes are left out, since no order can be
//! paid in them. State of the list: 2026-01-01.

use std::fmt;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    code: [u8; 3],
    number: u16,
    exponent: u8,
}

/// A currency of the table: two bytes, compared by identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(u16);

impl Currency {
    /// The currency with this alphabetic code, upper case as ISO 4217 has it.
    pub fn from_code(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        let index = TABLE.binary_search_by(|row| row.code.cmp(&code)).ok()?;
        u16::try_from(index).ok().map(Self)
    }

    /// Every currency, in order of code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u16..).take(TABLE.len()).map(Self)
    }

    /// Alphabetic code, such as `GBP`.
    pub fn code(self) -> &'static str {
        // Every row is ASCII, as a test proves; the empty string is never seen.
        std::str::from_utf8(&self.row().code).unwrap_or_default()
    }

    /// Numeric code, such as 826.
    pub fn number(self) -> u16 {
        self.row().number
    }

    /// Decimal digits of the minor unit: 2 for GBP.
    pub fn exponent(self) -> u8 {
        self.row().exponent
    }

    fn row(self) -> &'static Row {
        &TABLE[usize::from(self.0)]
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

const fn row(code: [u8; 3], number: u16, exponent: u8) -> Row {
    Row {
        code,
        number,
        exponent,
    }
}

#[rustfmt::skip]
static TABLE: [Row; 165] = [
    row(*b"AED", 784, 2), row(*b"AFN", 971, 2), row(*b"ALL", 8, 2), row(*b"AMD", 51, 2),
    row(*b"AOA", 973, 2), row(*b"ARS", 32, 2), row(*b"AUD", 36, 2), row(*b"AWG", 533, 2),
    row(*b"AZN", 944, 2), row(*b"BAM", 977, 2), row(*b"BBD", 52, 2), row(*b"BDT", 50, 2),
    row(*b"BHD", 48, 3), row(*b"BIF", 108, 0), row(*b"BMD", 60, 2), row(*b"BND", 96, 2),
    row(*b"BOB", 68, 2), row(*b"BOV", 984, 2), row(*b"BRL", 986, 2), row(*b"BSD", 44, 2),
    row(*b"BTN", 64, 2), row(*b"BWP", 72, 2), row(*b"BYN", 933, 2), row(*b"BZD", 84, 2),
    row(*b"CAD", 124, 2), row(*b"CDF", 976, 2), row(*b"CHE", 947, 2), row(*b"CHF", 756, 2),
    row(*b"CHW", 948, 2), row(*b"CLF", 990, 4), row(*b"CLP", 152, 0), row(*b"CNY", 156, 2),
    row(*b"COP", 170, 2), row(*b"COU", 970, 2), row(*b"CRC", 188, 2), row(*b"CUP", 192, 2),
    row(*b"CVE", 132, 2), row(*b"CZK", 203, 2), row(*b"DJF", 262, 0), row(*b"DKK", 208, 2),
    row(*b"DOP", 214, 2), row(*b"DZD", 12, 2), row(*b"EGP", 818, 2), row(*b"ERN", 232, 2),
    row(*b"ETB", 230, 2), row(*b"EUR", 978, 2), row(*b"FJD", 242, 2), row(*b"FKP", 238, 2),
    row(*b"GBP", 826, 2), row(*b"GEL", 981, 2), row(*b"GHS", 936, 2), row(*b"GIP", 292, 2),
    row(*b"GMD", 270, 2), row(*b"GNF", 324, 0), row(*b"GTQ", 320, 2), row(*b"GYD", 328, 2),
    row(*b"HKD", 344, 2), row(*b"HNL", 340, 2), row(*b"HTG", 332, 2), row(*b"HUF", 348, 2),
    row(*b"IDR", 360, 2), row(*b"ILS", 376, 2), row(*b"INR", 356, 2), row(*b"IQD", 368, 3),
    row(*b"IRR", 364, 2), row(*b"ISK", 352, 0), row(*b"JMD", 388, 2), row(*b"JOD", 400, 3),
    row(*b"JPY", 392, 0), row(*b"KES", 404, 2), row(*b"KGS", 417, 2), row(*b"KHR", 116, 2),
    row(*b"KMF", 174, 0), row(*b"KPW", 408, 2), row(*b"KRW", 410, 0), row(*b"KWD", 414, 3),
    row(*b"KYD", 136, 2), row(*b"KZT", 398, 2), row(*b"LAK", 418, 2), row(*b"LBP", 422, 2),
    row(*b"LKR", 144, 2), row(*b"LRD", 430, 2), row(*b"LSL", 426, 2), row(*b"LYD", 434, 3),
    row(*b"MAD", 504, 2), row(*b"MDL", 498, 2), row(*b"MGA", 969, 2), row(*b"MKD", 807, 2),
    row(*b"MMK", 104, 2), row(*b"MNT", 496, 2), row(*b"MOP", 446, 2), row(*b"MRU", 929, 2),
    row(*b"MUR", 480, 2), row(*b"MVR", 462, 2), row(*b"MWK", 454, 2), row(*b"MXN", 484, 2),
    row(*b"MXV", 979, 2), row(*b"MYR", 458, 2), row(*b"MZN", 943, 2), row(*b"NAD", 516, 2),
    row(*b"NGN", 566, 2), row(*b"NIO", 558, 2), row(*b"NOK", 578, 2), row(*b"NPR", 524, 2),
    row(*b"NZD", 554, 2), row(*b"OMR", 512, 3), row(*b"PAB", 590, 2), row(*b"PEN", 604, 2),
    row(*b"PGK", 598, 2), row(*b"PHP", 608, 2), row(*b"PKR", 586, 2), row(*b"PLN", 985, 2),
    row(*b"PYG", 600, 0), row(*b"QAR", 634, 2), row(*b"RON", 946, 2), row(*b"RSD", 941, 2),
    row(*b"RUB", 643, 2), row(*b"RWF", 646, 0), row(*b"SAR", 682, 2), row(*b"SBD", 90, 2),
    row(*b"SCR", 690, 2), row(*b"SDG", 938, 2), row(*b"SEK", 752, 2), row(*b"SGD", 702, 2),
    row(*b"SHP", 654, 2), row(*b"SLE", 925, 2), row(*b"SOS", 706, 2), row(*b"SRD", 968, 2),
    row(*b"SSP", 728, 2), row(*b"STN", 930, 2), row(*b"SVC", 222, 2), row(*b"SYP", 760, 2),
    row(*b"SZL", 748, 2), row(*b"THB", 764, 2), row(*b"TJS", 972, 2), row(*b"TMT", 934, 2),
    row(*b"TND", 788, 3), row(*b"TOP", 776, 2), row(*b"TRY", 949, 2), row(*b"TTD", 780, 2),
    row(*b"TWD", 901, 2), row(*b"TZS", 834, 2), row(*b"UAH", 980, 2), row(*b"UGX", 800, 0),
    row(*b"USD", 840, 2), row(*b"USN", 997, 2), row(*b"UYI", 940, 0), row(*b"UYU", 858, 2),
    row(*b"UYW", 927, 4), row(*b"UZS", 860, 2), row(*b"VED", 926, 2), row(*b"VES", 928, 2),
    row(*b"VND", 704, 0), row(*b"VUV", 548, 0), row(*b"WST", 882, 2), row(*b"XAD", 396, 2),
    row(*b"XAF", 950, 0), row(*b"XCD", 951, 2), row(*b"XCG", 532, 2), row(*b"XOF", 952, 0),
    row(*b"XPF", 953, 0), row(*b"YER", 886, 2), row(*b"ZAR", 710, 2), row(*b"ZMW", 967, 2),
    row(*b"ZWG", 924, 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_free_of_duplicates() {
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
        let mut numbers: Vec<_> = TABLE.iter().map(|row| row.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), TABLE.len());
    }

    #[test]
    fn every_code_finds_itself() {
        for currency in Currency::all() {
            assert_eq!(currency.code().len(), 3);
            assert_eq!(Currency::from_code(currency.code()), Some(currency));
            assert!(currency.exponent() <= 4);
        }
    }

    #[test]
    fn exponents_are_those_of_the_standard() {
        let exponent = |code| Currency::from_code(code).map(Currency::exponent);
        assert_eq!(exponent("EUR"), Some(2));
        assert_eq!(exponent("JPY"), Some(0));
        assert_eq!(exponent("KWD"), Some(3));
        assert_eq!(exponent("IQD"), Some(3));
        assert_eq!(exponent("CLF"), Some(4));
        assert_eq!(exponent("ISK"), Some(0));
    }

    #[test]
    fn what_is_not_a_payable_currency_is_not_found() {
        for code in ["", "gbp", "GB", "GBPX", "XAU", "XXX", "ÄÖ"] {
            assert_eq!(Currency::from_code(code), None, "{code}");
        }
    }
}
