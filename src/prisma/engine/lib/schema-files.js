'use strict'

const fs = require('node:fs')
const { KnownError } = require('./errors')

const DATASOURCE = /^\s*datasource\s+\w+\s*\{[^}]*\}/m
const urlProperty = (name) => new RegExp(`^\\s*${name}\\s*=\\s*(?:env\\(\\s*"([^"]*)"\\s*\\)|"([^"]*)")`, 'm')
const URL_PROPERTIES = ['directUrl', 'url']

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
  for (const name of URL_PROPERTIES) {
    const [, variable, text] = urlProperty(name).exec(block) ?? []
    const url = variable === undefined ? text : process.env[variable]
    if (url) return url
    if (variable !== undefined && name === 'url')
      throw new KnownError('P1012', `Environment variable not found: ${variable}.`)
  }
  throw new KnownError('P1012', 'no url is given for the datasource')
}

/** The files as an engine of 7 reads them, where a CLI of 5 or 6 stands before it. */
function withoutUrls(files) {
  const withoutUrl = (block) =>
    URL_PROPERTIES.reduce((rest, name) => rest.replace(urlProperty(name), ''), block)
  return files.map((file) => ({ ...file, content: file.content.replace(DATASOURCE, withoutUrl) }))
}

module.exports = { filesOf, readFiles, urlOf, withoutUrls }
