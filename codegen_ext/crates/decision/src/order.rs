//! The order that a discount is asked for.

use crate::currency::Currency;
use crate::definition::{MAX_AMOUNT, MAX_ID_BYTES, MAX_PRICE, MAX_QUANTITY};
use crate::refusal::Violation;

/// Most lines of an order.
pub const MAX_ITEMS: usize = 500;

/// A checked order. Borrows its ids from the request.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// Currency of every amount.
    pub currency: Currency,
    /// The lines; empty for an order that is only a sum.
    pub items: Vec<Item<'a>>,
    /// Sum of the lines, or the sum itself, minor units.
    pub amount: i64,
}

/// A checked line.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Product; empty when the caller names none.
    pub product_id: &'a str,
    /// Variant; empty when the caller names none.
    pub sku_id: &'a str,
    /// Units.
    pub quantity: i64,
    /// Price of one unit, minor units.
    pub price: i64,
    /// `quantity * price`, minor units.
    pub amount: i64,
}

/// A line as the caller sent it.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineInput<'a> {
    /// The caller's own line id.
    pub source_id: &'a str,
    /// Product, or empty.
    pub product_id: &'a str,
    /// Variant, or empty.
    pub sku_id: &'a str,
    /// Units.
    pub quantity: i64,
    /// Price of one unit, minor units.
    pub price: i64,
}

impl<'a> Order<'a> {
    /// Checks every range of `promo.v1.Order` and lists every violation, under
    /// paths that begin with `order.`. `amount` is 0 when the caller left it out.
    pub fn check(
        source_id: &str,
        currency_code: &str,
        amount: i64,
        lines: impl ExactSizeIterator<Item = LineInput<'a>>,
    ) -> Result<Self, Vec<Violation>> {
        let mut found = Vec::new();
        if let Some(problem) = problem_of_id(source_id) {
            found.push(Violation::new("order.source_id", problem));
        }
        let currency = Currency::from_code(currency_code);
        if currency.is_none() {
            let problem = "must be an ISO 4217 code of a currency with minor units";
            found.push(Violation::new("order.currency_code", problem));
        }
        if lines.len() > MAX_ITEMS {
            let problem = format!("must be at most {MAX_ITEMS}, not {}", lines.len());
            found.push(Violation::new("order.items", problem));
            return Err(found);
        }
        let mut items = Vec::with_capacity(lines.len());
        // 500 lines of at most 10^18 each do not fit in 64 bits.
        let mut sum = 0_i128;
        for (index, line) in lines.enumerate() {
            if let Some(item) = check_line(index, &line, &mut found) {
                sum += i128::from(item.amount);
                items.push(item);
            }
        }
        if !(0..=MAX_AMOUNT).contains(&amount) {
            let problem = format!("must be 0 to {MAX_AMOUNT}, not {amount}");
            found.push(Violation::new("order.amount", problem));
        }
        let Some(currency) = currency.filter(|_| found.is_empty()) else {
            return Err(found);
        };
        let amount = total(items.is_empty(), amount, sum).map_err(|one| vec![one])?;
        Ok(Self {
            currency,
            items,
            amount,
        })
    }
}

/// The order's amount, given what the caller says and what the lines sum to.
fn total(is_bare: bool, amount: i64, sum: i128) -> Result<i64, Violation> {
    if is_bare {
        // 0 is what an absent field looks like.
        return match amount {
            0 => Err(Violation::new("order.amount", "is required without items")),
            _ => Ok(amount),
        };
    }
    if amount != 0 && i128::from(amount) != sum {
        let problem = format!("must be the sum of the items, {sum}, not {amount}");
        return Err(Violation::new("order.amount", problem));
    }
    match i64::try_from(sum) {
        Ok(sum) if sum <= MAX_AMOUNT => Ok(sum),
        _ => {
            let problem = format!("must sum to at most {MAX_AMOUNT}, not {sum}");
            Err(Violation::new("order.items", problem))
        }
    }
}

fn check_line<'a>(
    index: usize,
    line: &LineInput<'a>,
    found: &mut Vec<Violation>,
) -> Option<Item<'a>> {
    let before = found.len();
    let path = |name: &str| format!("order.items[{index}].{name}");
    let texts = [
        ("source_id", line.source_id),
        ("product_id", line.product_id),
        ("sku_id", line.sku_id),
    ];
    for (name, text) in texts {
        if let Some(problem) = problem_of_id(text) {
            found.push(Violation::new(path(name), problem));
        }
    }
    if !(1..=MAX_QUANTITY).contains(&line.quantity) {
        let problem = format!("must be 1 to {MAX_QUANTITY}, not {}", line.quantity);
        found.push(Violation::new(path("quantity"), problem));
    }
    if !(0..=MAX_PRICE).contains(&line.price) {
        let problem = format!("must be 0 to {MAX_PRICE}, not {}", line.price);
        found.push(Violation::new(path("price"), problem));
    }
    (found.len() == before).then(|| Item {
        product_id: line.product_id,
        sku_id: line.sku_id,
        quantity: line.quantity,
        price: line.price,
        // At most 10^18, since both are in range.
        amount: line.quantity * line.price,
    })
}

fn problem_of_id(id: &str) -> Option<String> {
    if id.len() > MAX_ID_BYTES {
        return Some(format!("must have at most {MAX_ID_BYTES} bytes"));
    }
    let has_control = id.chars().any(char::is_control);
    has_control.then(|| "has a control character".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_no_control_characters() {
        let check = |source_id, line_id| {
            let line = LineInput {
                source_id: line_id,
                quantity: 1,
                ..LineInput::default()
            };
            let found = Order::check(source_id, "GBP", 0, [line].into_iter()).err();
            found.map(|found| found[0].field.clone())
        };
        assert_eq!(check("o-1", "l-1"), None);
        assert_eq!(check("o\0", "l-1").as_deref(), Some("order.source_id"));
        let line = Some("order.items[0].source_id");
        assert_eq!(check("o-1", "l\n").as_deref(), line);
    }
}
