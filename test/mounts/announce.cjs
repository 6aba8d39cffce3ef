// Loaded before an application of the tests: tells the test on which port it listens.
const { Server } = require('node:net')

const { listen } = Server.prototype
Server.prototype.listen = function (...given) {
  this.once('listening', () => process.send(this.address().port))
  return listen.apply(this, given)
}
