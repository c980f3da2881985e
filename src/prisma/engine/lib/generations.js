'use strict'

// Which build of the engine serves which major of the CLI, and what differs between them.
//
// There is no wasm build of a 5.x engine. That of 6.19 reads every schema of 5 and 6 and writes the same SQL
// as 5 did, but for the tables behind implicit many-to-many relations: see join-tables.js. From 7 on the
// engine refuses a url in the schema, which the engines before demand; so 7 needs a build of its own.
const GENERATIONS = {
  5: { wasm: 'schema-engine-6', schemaHoldsUrl: true, joinTablesHavePrimaryKey: false },
  6: { wasm: 'schema-engine-6', schemaHoldsUrl: true, joinTablesHavePrimaryKey: true },
  7: { wasm: 'schema-engine-7', schemaHoldsUrl: false, joinTablesHavePrimaryKey: true },
}

module.exports = { GENERATIONS }
