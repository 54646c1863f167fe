"""How a command reaches a daemon that runs: its address, whom to trust, and as whom to log in."""

from __future__ import annotations

import argparse
import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.app.remote import Access
    from sentinel.config.secrets import Secret
    from sentinel.config.web import Web

TOKEN_VARIABLE = "SENTINEL_TOKEN"  # noqa: S105 # its name
PASSWORD_VARIABLE = "SENTINEL_PASSWORD"  # noqa: S105 # its name
_NAMES = ("url", "ca_file", "token_file", "user", "password_file")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No secret is an argument: every user of the machine can read those."""
    parser.add_argument(
        "--url", metavar="URL", help="with --config: where the daemon answers, if not at web.listen: https://HOST:PORT"
    )
    parser.add_argument(
        "--ca-file",
        metavar="FILE",
        type=Path,
        help="with --config: the certificates to trust, PEM; by default those of the system, and never the daemon's "
        "own for being on this machine",
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help=f"with --config: log in with the first token of this file; by default with ${TOKEN_VARIABLE}, else with "
        "one of web.bearer_token_file if that may be read",
    )
    who.add_argument("--user", metavar="NAME", help="with --config: log in as this user of web.config_file")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        type=Path,
        help=f"with --user: holds the password; by default ${PASSWORD_VARIABLE} does",
    )


def refuse(args: argparse.Namespace) -> None:
    """Refuse all of them where no daemon is asked.

    Raises
    ------
    FatalError
        Naming the first that was given.
    """
    for name in _NAMES:
        if getattr(args, name) is not None:
            raise FatalError(f"--{name.replace('_', '-')} is for a daemon that is asked: --config names one")


def access_of(args: argparse.Namespace, web: Web) -> Access:
    """The daemon that these settings and arguments mean.

    Raises
    ------
    SentinelError
        If a file cannot be read or holds something else, or the arguments do not fit together. No message holds a
        secret.
    """
    from sentinel.app.remote import Access, base_of, checked_url

    base = base_of(web) if args.url is None else checked_url(args.url)
    header, source = _login(args, web, base)
    return Access(base=base, ca_file=args.ca_file, authorization=header, source=source)


def _login(args: argparse.Namespace, web: Web, base: str) -> tuple[Secret | None, str]:
    from sentinel.app.remote import own_token
    from sentinel.config.tokens import load_tokens, parse_token

    if args.user is not None:
        return _basic(args.user, _password(args.password_file)), f"the password of {args.user!r}"
    if args.password_file is not None:
        raise FatalError("--password-file is for --user")
    if args.token_file is not None:
        first = next(iter(load_tokens(args.token_file).values()))
        return _bearer(first), f"the first token of {args.token_file}"
    if os.environ.get(TOKEN_VARIABLE):
        return _bearer(parse_token(os.environ[TOKEN_VARIABLE], f"${TOKEN_VARIABLE}")), f"${TOKEN_VARIABLE}"
    if args.url is not None and base.startswith("http:"):
        return None, ""  # a token that nobody asked to be sent crosses no network in the clear
    token = own_token(web)
    return (None, "") if token is None else (_bearer(token), f"a token of {web.bearer_token_file}")


def _password(path: Path | None) -> str:
    from sentinel.config.secrets import read_secret

    if path is None:
        if not os.environ.get(PASSWORD_VARIABLE):
            raise FatalError(f"--user needs a password: --password-file or ${PASSWORD_VARIABLE} holds it")
        return os.environ[PASSWORD_VARIABLE]
    try:
        return read_secret(path).reveal()
    except OSError as error:
        raise FatalError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise FatalError(f"{path} {error}") from error


def _bearer(token: Secret) -> Secret:
    from sentinel.config.secrets import Secret

    return Secret(f"Bearer {token.reveal()}")


def _basic(user: str, password: str) -> Secret:
    from sentinel.config.secrets import Secret

    if ":" in user:
        raise FatalError("--user: a user's name holds no colon")
    pair = f"{user}:{password}".encode("utf-8", "surrogateescape")
    return Secret(f"Basic {base64.b64encode(pair).decode()}")
