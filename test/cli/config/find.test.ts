import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findConfig } from '../../../src/cli/config/find.ts'
import { runCli } from '../../support/cli.ts'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'wfstore-config-'))
})
afterAll(() => rmSync(root, { recursive: true }))

describe('the config that is used', () => {
  const write = (path: string, content = '{}') => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content, { mode: 0o600 })
  }
  const found = (cwd: string, env = {}, uid?: number) => {
    const { file, ignored } = findConfig(join(root, cwd), env, uid)
    const inside = (path: string) => path.replace(`${root}/`, '')
    return [file && inside(file.path), ...ignored.map(({ path, why }) => `${inside(path)}: ${why}`)]
  }

  it('is the nearest one above, up to the checkout or the home folder, and then the one at home', () => {
    const home = { HOME: join(root, 'home') }
    write('wfstore.config.json')
    write('repo/.git/HEAD')
    write('repo/a/b/x')
    write('home/work/x')
    expect(found('repo/a/b', {})).toEqual([undefined])
    write('home/wfstore.config.json')
    expect(found('repo/a/b', home)).toEqual(['home/wfstore.config.json'])
    expect(found('home/work', home)).toEqual(['home/wfstore.config.json'])
    write('repo/wfstore.config.json')
    expect(found('repo/a/b', home)).toEqual(['repo/wfstore.config.json'])
    rmSync(join(root, 'home/wfstore.config.json'))
    expect(found('home/work', home)).toEqual([undefined])
    expect(found('home/work', {})).toEqual(['wfstore.config.json'])
  })

  it('is not one that another user owns or all users can write to', () => {
    const me = process.getuid?.() ?? 0
    write('theirs/wfstore.config.json')
    if (me === 0) {
      chownSync(join(root, 'theirs/wfstore.config.json'), 4321, 4321)
      expect(found('theirs', {}, 4321)).toEqual(['theirs/wfstore.config.json'])
    }
    const stranger = me === 0 ? 0 : me + 1
    expect(found('theirs', { HOME: join(root, 'theirs') }, stranger)).toEqual([
      undefined,
      'theirs/wfstore.config.json: another user owns it',
    ])
    write('open/.git/HEAD')
    write('open/wfstore.config.json')
    chmodSync(join(root, 'open/wfstore.config.json'), 0o666)
    mkdirSync(join(root, 'open/inside'))
    expect(found('open/inside')).toEqual([
      undefined,
      'open/wfstore.config.json: all users can write to it',
    ])
    write('open/inside/wfstore.config.json')
    expect(found('open/inside')).toEqual(['open/inside/wfstore.config.json'])
    chmodSync(join(root, 'open/inside'), 0o777)
    expect(found('open/inside')[0]).toBeUndefined()
    chmodSync(join(root, 'open/inside'), 0o1777)
    expect(found('open/inside')[0]).toBe('open/inside/wfstore.config.json')
  })

  it('is not a folder or a broken link', () => {
    write('odd/.git/HEAD')
    mkdirSync(join(root, 'odd/wfstore.config.json'))
    expect(found('odd')).toEqual([undefined])
    rmdirSync(join(root, 'odd/wfstore.config.json'))
    symlinkSync('nowhere', join(root, 'odd/wfstore.config.json'))
    expect(found('odd')).toEqual([undefined, 'odd/wfstore.config.json: it cannot be read: ENOENT'])
  })

  it('that is ignored is noted, and can be named with WFSTORE_CONFIG', async () => {
    const cwd = join(root, 'said')
    write('said/.git/HEAD')
    write('said/wfstore.config.json', '{"profiles": {"p": {"databaseUrl": "postgresql://u@h/d"}}}')
    const path = `${cwd}/wfstore.config.json`
    chmodSync(path, 0o666)
    expect(await runCli(['config', 'profiles', '--no-headers'], { cwd })).toEqual({
      code: 0,
      stdout: '',
      stderr: `note: ${path} is ignored because all users can write to it; set WFSTORE_CONFIG to its path to use it\n`,
    })
    expect((await runCli(['config', '--profile', 'p'], { cwd })).stderr).toBe(
      `error: profile p (--profile) does not exist: there is no config; ${path} is ignored because all users can write to it; set WFSTORE_CONFIG to its path to use it\n`,
    )
    const env = { WFSTORE_CONFIG: 'wfstore.config.json' }
    expect((await runCli(['config', 'profiles'], { cwd, env })).stdout).toContain('u@h:5432/d')
    for (const [file, code] of [
      ['gone', 2],
      ['/dev/null', 0],
    ] as const)
      expect(
        (await runCli(['config', 'profiles'], { cwd, env: { WFSTORE_CONFIG: file } })).code,
      ).toBe(code)
  })
})
