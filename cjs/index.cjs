// For require('wfstore'): the one ESM library, so that both kinds of import share their classes and `workflowStore`.
module.exports = require('../dist/index.js')
