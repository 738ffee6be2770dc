//! Lines of an order, named by product or by variant.

use crate::bundle::ItemSelector;

/// Compiled selector: sorted, so that a list of 1,000 costs ten comparisons.
#[derive(Debug)]
pub(crate) struct Selector {
    all: bool,
    product_ids: Box<[Box<str>]>,
    sku_ids: Box<[Box<str>]>,
}

impl Selector {
    pub(crate) fn compile(selector: &ItemSelector) -> Self {
        Self {
            all: selector.is_empty(),
            product_ids: sorted(&selector.product_ids),
            sku_ids: sorted(&selector.sku_ids),
        }
    }

    /// Whether a line with these ids is selected. An empty id names nothing.
    pub(crate) fn matches(&self, product_id: &str, sku_id: &str) -> bool {
        self.all || contains(&self.product_ids, product_id) || contains(&self.sku_ids, sku_id)
    }
}

fn sorted(ids: &[String]) -> Box<[Box<str>]> {
    let mut ids: Vec<Box<str>> = ids.iter().map(|id| id.as_str().into()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into()
}

fn contains(ids: &[Box<str>], id: &str) -> bool {
    ids.binary_search_by(|one| (**one).cmp(id)).is_ok()
}
