'use strict'

// The table behind an implicit many-to-many relation holds each pair once. Prisma 5 sees to that with a unique
// index `<table>_AB_unique`, later ones with a primary key `<table>_AB_pkey`. The engine that serves 5 here is a
// later one: shown the index, it would drop it for a key. So it is shown a key where there is the index, and
// what it writes for a new table is put back into the words of 5.

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

const KEY_IN_TABLE = /\nCREATE TABLE ((?:"[^"]+"\.)?"([^"]+)") \(([^;]*?),\n\n {4}CONSTRAINT "\2_AB_pkey" PRIMARY KEY \("A","B"\)\n\);/g
const KEY_ADDED = /-- AlterTable\nALTER TABLE ((?:"[^"]+"\.)?"([^"]+)") ADD CONSTRAINT "\2_AB_pkey" PRIMARY KEY \("A", "B"\);/g

/** `script` with unique indexes in place of the primary keys of join tables. */
function writeUniqueIndexes(script) {
  const uniqueIndex = (table, name) => `-- CreateIndex\nCREATE UNIQUE INDEX "${name}_AB_unique" ON ${table}("A", "B");`
  const created = []
  let rewritten = script.replace(KEY_ADDED, (_, table, name) => uniqueIndex(table, name))
  rewritten = rewritten.replace(KEY_IN_TABLE, (_, table, name, columns) => {
    created.push([table, name])
    return `\nCREATE TABLE ${table} (${columns}\n);`
  })
  for (const [table, name] of created) {
    const other = `-- CreateIndex\nCREATE INDEX "${name}_B_index" ON ${table}("B");`
    rewritten = rewritten.replace(other, () => `${uniqueIndex(table, name)}\n\n${other}`)
  }
  return rewritten
}

module.exports = { showPrimaryKeys, writeUniqueIndexes }
