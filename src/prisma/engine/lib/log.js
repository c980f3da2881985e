'use strict'

const fs = require('node:fs')

/** The CLI reads the engine's standard error as one JSON object a line. */
function log(level, fields, target = 'schema_engine') {
  const line = JSON.stringify({ timestamp: new Date().toISOString(), level, fields, target })
  fs.writeSync(2, `${line}\n`)
}

module.exports = { log }
