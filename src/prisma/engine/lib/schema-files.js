'use strict'

const fs = require('node:fs')
const { KnownError } = require('./errors')

const DATASOURCE = /^\s*datasource\s+\w+\s*\{[^}]*\}/m
const urlProperty = (name) => new RegExp(`^\\s*${name}\\s*=\\s*(?:env\\(\\s*"([^"]*)"\\s*\\)|"([^"]*)")`, 'm')

/**
 * Schema files in every way that the CLIs name them: a path (5.4), files with their content (later ones).
 * @returns {{path: string, content: string}[]}
 */
function filesOf(named) {
  if (typeof named === 'string') return [{ path: 'schema.prisma', content: named }]
  if (named.files) return named.files
  return readFiles([named.schema ?? named.path])
}

const readFiles = (paths) => paths.map((path) => ({ path, content: fs.readFileSync(path, 'utf8') }))

/** The URL that the datasource block of a schema of 5 or 6 names, through the environment or plainly. */
function urlOf(files) {
  const block = files.map(({ content }) => DATASOURCE.exec(content)?.[0]).find(Boolean) ?? ''
  for (const name of ['directUrl', 'url']) {
    const [, variable, text] = urlProperty(name).exec(block) ?? []
    const url = variable === undefined ? text : process.env[variable]
    if (url) return url
    if (variable !== undefined && name === 'url')
      throw new KnownError('P1012', `Environment variable not found: ${variable}.`)
  }
  throw new KnownError('P1012', 'no url is given for the datasource')
}

module.exports = { filesOf, readFiles, urlOf }
