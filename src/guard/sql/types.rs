//! Types in the tree, in PostgreSQL's own spelling.

use squawk_syntax::{
    SyntaxKind,
    ast::{self, AstNode},
};

use super::{lower::words, names::name_of};
use crate::guard::action::DataType;

/// The type that `ty` names.
pub(super) fn data_type(ty: &ast::Type) -> DataType {
    let plain = |name: &str| DataType { name: name.into(), modifiers: numbers(ty), array: false };
    match ty {
        ast::Type::ArrayType(array) => {
            let inner = array.ty().map_or_else(|| plain(""), |inner| data_type(&inner));
            DataType { array: true, ..inner }
        }
        ast::Type::BitType(_) => plain("bit"),
        ast::Type::BitVaryingType(_) => plain("varbit"),
        ast::Type::CharacterType(_) => {
            plain(if has(ty, SyntaxKind::VARYING_KW) { "varchar" } else { "bpchar" })
        }
        ast::Type::VarcharType(_) => plain("varchar"),
        ast::Type::DoubleType(_) => plain("float8"),
        ast::Type::IntervalType(_) => plain("interval"),
        ast::Type::TimeType(time) => plain(zoned("time", "timetz", time.timezone())),
        ast::Type::TimestampType(time) => plain(zoned("timestamp", "timestamptz", time.timezone())),
        ast::Type::PathType(path) => {
            let name = path.path_ref().map(|path| name_of(path.syntax()));
            plain(&name.map_or_else(|| words(path.syntax()), |name| canonical(&name.to_string(), ty)))
        }
    }
}

fn zoned(without: &'static str, with: &'static str, zone: Option<ast::Timezone>) -> &'static str {
    if matches!(zone, Some(ast::Timezone::WithTimezone(_))) { with } else { without }
}

fn has(ty: &ast::Type, kind: SyntaxKind) -> bool {
    ty.syntax().descendants_with_tokens().any(|element| element.kind() == kind)
}

/// The numbers in a type's parentheses. An array's bounds say nothing to PostgreSQL and stand elsewhere.
fn numbers(ty: &ast::Type) -> Vec<u32> {
    let in_parentheses = words(ty.syntax());
    let Some((_, rest)) = in_parentheses.split_once('(') else { return Vec::new() };
    rest.split(')')
        .next()
        .unwrap_or_default()
        .split(',')
        .filter_map(|number| number.trim().parse().ok())
        .collect()
}

/// The catalog's name for SQL's many spellings.
fn canonical(name: &str, ty: &ast::Type) -> String {
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
    match name {
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "serial" | "serial4" => "serial4",
        "bigserial" | "serial8" => "serial8",
        "smallserial" | "serial2" => "serial2",
        "decimal" | "dec" | "numeric" => "numeric",
        "real" => "float4",
        "float" => match numbers(ty).first() {
            Some(bits) if *bits <= 24 => "float4",
            _ => "float8",
        },
        "boolean" => "bool",
        "char" | "character" => "bpchar",
        other => other,
    }
    .to_owned()
}
