'use strict'

// The table behind an implicit many-to-many relation holds each pair once. Prisma 5 sees to that with a
// unique index `<table>_AB_unique`, later ones with a primary key `<table>_AB_pkey`. The engine that serves 5
// here is a later one: shown the index, it would drop it for a key. So it is shown a key where there is the
// index, and what it then writes about keys is put back into the words of 5.

const MAX_IDENTIFIER_BYTES = 63
const asStored = (name) => Buffer.from(name).subarray(0, MAX_IDENTIFIER_BYTES).toString()

/** Turns, in the rows that describe indexes, the unique index of a join table into its primary key. */
function showPrimaryKeys({ columnNames, rows }) {
  const at = (name) => columnNames.indexOf(name)
  const [table, index, unique, primary] = ['table_name', 'index_name', 'is_unique', 'is_primary_key'].map(at)
  if ([table, index, unique, primary].includes(-1)) return
  for (const row of rows) {
    if (!row[unique] || row[primary] || row[index] !== asStored(`${row[table]}_AB_unique`)) continue
    row[primary] = true
    row[index] = `${row[table]}_AB_pkey`
  }
}

/** `script` with unique indexes in place of the primary keys of join tables. */
function writeUniqueIndexes(script) {
  const missing = new Map()
  const steps = script.split(/\n\n(?=-- )/)
  return steps.flatMap((step) => withoutKey(step, missing)).join('\n\n')
}

const CREATE_TABLE = /^-- CreateTable\nCREATE TABLE ((?:"[^"]+"\.)?"([^"]+)") \(/
const ALTER_TABLE = /^(-- AlterTable\nALTER TABLE ((?:"[^"]+"\.)?"([^"]+)") )([^]*);(\n*)$/
const CREATE_INDEX = /^-- CreateIndex\nCREATE INDEX "[^"]+_B_index" ON ((?:"[^"]+"\.)?"[^"]+")\("B"\);/

/**
 * The steps that stand for one of the later engine's. `missing` holds the indexes that new tables still need,
 * which 5 makes where it makes their other one.
 */
function withoutKey(step, missing) {
  const [, created, name] = CREATE_TABLE.exec(step) ?? []
  const key = `,\n\n    CONSTRAINT "${name}_AB_pkey" PRIMARY KEY ("A","B")\n);`
  if (created && step.includes(key)) {
    missing.set(created, uniqueIndex(created, name))
    return [step.replace(key, '\n);')]
  }
  const indexed = CREATE_INDEX.exec(step)?.[1]
  if (missing.has(indexed)) return [missing.get(indexed), step]
  return ALTER_TABLE.test(step) ? alterWithoutKey(step) : [step]
}

function alterWithoutKey(step) {
  const [, start, table, name, text, end] = ALTER_TABLE.exec(step)
  const drop = `DROP CONSTRAINT "${name}_AB_pkey"`
  const add = `ADD CONSTRAINT "${name}_AB_pkey" PRIMARY KEY ("A", "B")`
  const clauses = text.split(',\n')
  if (!clauses.includes(add)) return [step]
  const kept = clauses.filter((clause) => clause !== drop && clause !== add)
  // The index outlives a change of its columns, but not their end.
  const survives = clauses.includes(drop) && !kept.some((clause) => /^DROP COLUMN "[AB]"$/.test(clause))
  const altered = kept.length > 0 ? [`${start}${kept.join(',\n')};${survives ? end : ''}`] : []
  return survives ? altered : [...altered, uniqueIndex(table, name) + end]
}

const uniqueIndex = (table, name) =>
  `-- CreateIndex\nCREATE UNIQUE INDEX "${name}_AB_unique" ON ${table}("A", "B");`

module.exports = { showPrimaryKeys, writeUniqueIndexes }
