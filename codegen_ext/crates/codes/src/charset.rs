//! An alphabet, and which typed characters are read as which of its symbols.

/// Marks a byte that is read as no symbol.
pub(crate) const NOT_A_SYMBOL: u8 = u8::MAX;

/// Characters that readers take for one another, whatever their case.
const LOOK_ALIKES: [&[u8]; 5] = [b"0O", b"1IL", b"2Z", b"5S", b"8B"];

/// The symbols in ASCII order and the reading of every byte.
#[derive(Debug, Clone)]
pub(crate) struct Charset {
    symbols: Vec<u8>,
    readings: Box<[u8; 256]>,
    folds_case: bool,
}

impl Charset {
    /// Expects the distinct printable symbols of a canonical spec.
    pub(crate) fn new(symbols: &str) -> Self {
        let symbols = symbols.as_bytes().to_vec();
        let upper = symbols.iter().any(u8::is_ascii_uppercase);
        let lower = symbols.iter().any(u8::is_ascii_lowercase);
        let folds_case = !(upper && lower);
        let mut readings = Box::new([NOT_A_SYMBOL; 256]);
        if folds_case {
            for class in LOOK_ALIKES {
                read_class_as_its_only_member(class, &symbols, &mut readings);
            }
        }
        for (value, &symbol) in (0..).zip(&symbols) {
            if folds_case {
                readings[usize::from(symbol.to_ascii_uppercase())] = value;
                readings[usize::from(symbol.to_ascii_lowercase())] = value;
            } else {
                readings[usize::from(symbol)] = value;
            }
        }
        Self {
            symbols,
            readings,
            folds_case,
        }
    }

    /// How many symbols there are, 2 to 64.
    pub(crate) fn len(&self) -> usize {
        self.symbols.len()
    }

    /// The symbols by value.
    pub(crate) fn symbols(&self) -> &[u8] {
        &self.symbols
    }

    /// The value that a byte is read as, or [`NOT_A_SYMBOL`].
    pub(crate) fn reading(&self, byte: u8) -> u8 {
        self.readings[usize::from(byte)]
    }

    /// True when upper and lower case mean the same in this alphabet.
    pub(crate) fn folds_case(&self) -> bool {
        self.folds_case
    }
}

/// Only a class with one member in the alphabet says which symbol was meant.
fn read_class_as_its_only_member(class: &[u8], symbols: &[u8], readings: &mut [u8; 256]) {
    let members: Vec<u8> = (0..)
        .zip(symbols)
        .filter(|(_, symbol)| class.contains(&symbol.to_ascii_uppercase()))
        .map(|(value, _)| value)
        .collect();
    if let [value] = members[..] {
        for &character in class {
            readings[usize::from(character)] = value;
            readings[usize::from(character.to_ascii_lowercase())] = value;
        }
    }
}
