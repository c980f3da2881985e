'use strict'

// How values go between PostgreSQL and the engine. Results are read as text; here they become what the engine
// expects for the type of their column. A type without a name here is read as text, whatever it is.

const ColumnType = {
  Int32: 0,
  Int64: 1,
  Float: 2,
  Double: 3,
  Numeric: 4,
  Boolean: 5,
  Character: 6,
  Text: 7,
  Date: 8,
  Time: 9,
  DateTime: 10,
  Json: 11,
  Bytes: 13,
  Uuid: 15,
}
const ARRAY_OF = 64
// Arrays of a type have its number plus 64, but for Uuid: sets, which stand before it, have no arrays.
const arrayOf = (type) => ARRAY_OF + (type === ColumnType.Uuid ? type - 1 : type)

const asIs = (text) => text
const asNumber = Number
const asBoolean = (text) => text === 't'
const asBytes = (text) => [...Buffer.from(text.slice(2), 'hex')]
const asUtc = (text) => `${text.replace(' ', 'T')}+00:00`
function asInstant(text) {
  const instant = new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
  return Number.isNaN(instant.getTime()) ? text : instant.toISOString().replace('Z', '+00:00')
}

// By the OID of pg_type: the type's name, the engine's type, the way from text.
const SCALARS = new Map([
  [16, ['bool', ColumnType.Boolean, asBoolean]],
  [17, ['bytea', ColumnType.Bytes, asBytes]],
  [18, ['"char"', ColumnType.Character, asIs]],
  [20, ['int8', ColumnType.Int64, asIs]],
  [21, ['int2', ColumnType.Int32, asNumber]],
  [23, ['int4', ColumnType.Int32, asNumber]],
  [26, ['oid', ColumnType.Int64, asIs]],
  [114, ['json', ColumnType.Json, asIs]],
  [700, ['float4', ColumnType.Float, asNumber]],
  [701, ['float8', ColumnType.Double, asNumber]],
  [1082, ['date', ColumnType.Date, asIs]],
  [1083, ['time', ColumnType.Time, asIs]],
  [1114, ['timestamp', ColumnType.DateTime, asUtc]],
  [1184, ['timestamptz', ColumnType.DateTime, asInstant]],
  [1700, ['numeric', ColumnType.Numeric, asIs]],
  [2950, ['uuid', ColumnType.Uuid, asIs]],
  [3802, ['jsonb', ColumnType.Json, asIs]],
])
const TEXT = ['text', ColumnType.Text, asIs]

// Array types by OID, with the OID of their elements.
const ARRAYS = new Map([
  [1000, 16],
  [1001, 17],
  [1002, 18],
  [1003, 19],
  [1005, 21],
  [1007, 23],
  [1009, 25],
  [1014, 1042],
  [1015, 1043],
  [1016, 20],
  [1021, 700],
  [1022, 701],
  [1028, 26],
  [1115, 1114],
  [1182, 1082],
  [1183, 1083],
  [1185, 1184],
  [1231, 1700],
  [2951, 2950],
  [199, 114],
  [3807, 3802],
])

const scalar = (oid) => SCALARS.get(oid) ?? TEXT

/** The engine's number for a column of the type `oid`. */
function columnType(oid) {
  const element = ARRAYS.get(oid)
  return element === undefined ? scalar(oid)[1] : arrayOf(scalar(element)[1])
}

/** What the engine is given for `text`, a value of the type `oid`. */
function fromText(oid, text) {
  if (text === null) return null
  const element = ARRAYS.get(oid)
  if (element === undefined) return scalar(oid)[2](text)
  return require('pg').types.arrayParser.create(text, scalar(element)[2]).parse()
}

/** What `pg` is given for an argument of the engine's. */
function toParameter(value, type) {
  if (Array.isArray(value) && type?.arity === 'list')
    return value.map((item) => toParameter(item, { ...type, arity: 'scalar' }))
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Date) return value.toISOString()
  if (type?.scalarType === 'bytes' && typeof value === 'string') return Buffer.from(value, 'base64')
  return value ?? null
}

module.exports = { columnType, fromText, toParameter }
