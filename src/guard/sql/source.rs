//! Where the text that is being parsed stands in the script: statements have an offset, bodies and strings are
//! written with quotes and escapes.

use std::{ops::Range, rc::Rc};

use rowan::{TextRange, TextSize};
use squawk_syntax::{decoded_text::DecodedText, sql_body::SqlBody};

/// A text inside a script.
#[derive(Debug, Clone)]
pub(super) struct Source {
    map: Map,
    parent: Option<Rc<Source>>,
}

#[derive(Debug, Clone)]
enum Map {
    /// The text begins at this byte of its parent.
    Offset(usize),
    /// Every byte of the text comes from the same place: it was put together at run time.
    Whole(Range<usize>),
    Sql(Box<SqlBody>),
    Text(Box<DecodedText>),
}

impl Source {
    /// A statement that begins at byte `offset` of the script.
    pub(super) fn statement(offset: usize) -> Rc<Self> {
        Rc::new(Self { map: Map::Offset(offset), parent: None })
    }

    fn child(self: &Rc<Self>, map: Map) -> Rc<Self> {
        Rc::new(Self { map, parent: Some(Rc::clone(self)) })
    }

    /// A body in SQL.
    pub(super) fn sql(self: &Rc<Self>, body: SqlBody) -> Rc<Self> {
        self.child(Map::Sql(Box::new(body)))
    }

    /// The value of a string constant.
    pub(super) fn text(self: &Rc<Self>, text: DecodedText) -> Rc<Self> {
        self.child(Map::Text(Box::new(text)))
    }

    /// A text that is put together from parts within `range`.
    pub(super) fn assembled(self: &Rc<Self>, range: TextRange) -> Rc<Self> {
        self.child(Map::Whole(usize::from(range.start())..usize::from(range.end())))
    }

    /// Where `range` of this text stands in the script, in bytes.
    pub(super) fn place(&self, range: TextRange) -> Range<usize> {
        let here = match &self.map {
            Map::Offset(offset) => offset + usize::from(range.start())..offset + usize::from(range.end()),
            Map::Whole(range) => range.clone(),
            Map::Sql(body) => bytes(body.source_range(range)),
            Map::Text(text) => bytes(text.source_range(range)),
        };
        match &self.parent {
            Some(parent) => parent.place(text_range(&here)),
            None => here,
        }
    }

    /// The same for a place that an error of a body names, which is in the parent's bytes already.
    pub(super) fn place_in_parent(&self, range: TextRange) -> Range<usize> {
        self.parent.as_ref().map_or_else(|| bytes(range), |parent| parent.place(range))
    }

    /// How many texts this one is wrapped in.
    pub(super) fn depth(&self) -> usize {
        self.parent.as_ref().map_or(0, |parent| 1 + parent.depth())
    }
}

fn bytes(range: TextRange) -> Range<usize> {
    usize::from(range.start())..usize::from(range.end())
}

fn text_range(range: &Range<usize>) -> TextRange {
    let size = |at: usize| TextSize::new(u32::try_from(at).unwrap_or(u32::MAX));
    TextRange::new(size(range.start), size(range.end.max(range.start)))
}
