'use strict'

const { parseArgs } = require('node:util')

// The flags that the CLIs of 5 to 7 pass. Anything else is ignored, as long as it takes no value.
const options = {
  'datamodel': { type: 'string', short: 'd', multiple: true },
  'datamodels': { type: 'string', multiple: true },
  'datasource': { type: 'string' },
  'enabled-preview-features': { type: 'string' },
  'extension-types': { type: 'string' },
  'version': { type: 'boolean', short: 'V' },
}

// The URL itself, where the command line holds only a placeholder for it: that can be seen by everybody.
const HIDDEN_URL = 'RUN_MIGRATION_TEMPORARY_DATABASE'

/**
 * What the CLI asks for: a one-shot `command`, or none and the requests come over standard input.
 * @param {string[]} argv the arguments after the program's name
 */
function parse(argv) {
  const { values, positionals } = parseArgs({ args: argv, options, allowPositionals: true, strict: false })
  return {
    version: values.version === true,
    command: positionals[0] === 'cli' ? positionals[1] : undefined,
    schemaPaths: [...(values.datamodel ?? []), ...(values.datamodels ?? [])],
    datasource: datasource(values.datasource),
  }
}

/** 5 and 6 pass a bare URL in one-shot commands, everything else is JSON. */
function datasource(text) {
  if (text === undefined) return {}
  const given = text.trimStart().startsWith('{') ? JSON.parse(text) : { url: text }
  return { ...given, url: process.env[HIDDEN_URL] || given.url }
}

module.exports = { parse }
