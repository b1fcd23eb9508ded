"""The evaluator: one method for each kind of node, C's rules as gdb applies them."""

from __future__ import annotations

from pydbg.errors import ExprError, NoSymbol
from pydbg.expr import literals, methods, nodes
from pydbg.expr.assign import assign
from pydbg.expr.bases import check_member, is_object, upcast
from pydbg.expr.calls import called, invoke
from pydbg.expr.casts import cast_in
from pydbg.expr.context import Context, InternalFunction
from pydbg.expr.functions import BUILTIN
from pydbg.expr.memberpointers import class_member, compared
from pydbg.expr.operators import binary, compare, negate
from pydbg.expr.overloads import NoOperator, operated
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CType,
    DataModel,
    EnumType,
    FlagsType,
    FunctionType,
    InternalFunctionType,
    MemberPointerType,
    NamespaceType,
    NoDebugType,
    PointerType,
    ReferenceType,
    StructType,
    VoidType,
    data_model,
    strip,
)
from pydbg.expr.values import Lvalue, Value, from_number, is_integral, is_scalar

__all__ = ["Evaluator"]

_COMPARE = frozenset(("==", "!=", "<", ">", "<=", ">="))


class Evaluator:
    """Evaluate nodes by their class; one instance serves one context."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.model: DataModel = data_model(ctx.pointer_size)
        self.types_only = False
        """Whether nothing but types is asked for."""

    # -- entry points

    def value(self, tree: nodes.Node) -> Value:
        """Return a value, refusing symbols whose type is not known."""
        value = self.any_value(tree)
        if isinstance(value.type, NoDebugType) and isinstance(tree, nodes.Name):
            raise ExprError(
                f"'{tree.name}' has unknown type; cast it to its declared type", tree.column
            )
        return value

    def any_value(self, tree: nodes.Node) -> Value:
        """Return a value, or a symbol of unknown type."""
        try:
            handler = _HANDLERS.get(type(tree))
            if handler is None and isinstance(tree, nodes.OwnNode):
                return tree.evaluate(self)
            return getattr(self, handler or "")(tree)  # type: ignore[no-any-return]
        except ExprError as error:
            if error.column is None:
                error.column = tree.column
            raise

    def type(self, name: nodes.TypeName) -> CType:
        """Return the type that a type name means here."""
        return name.resolve(self)

    def decayed(self, value: Value) -> Value:
        """Turn arrays and functions into pointers (C11 6.3.2.1)."""
        inner = strip(value.type)
        if isinstance(inner, ReferenceType):
            value = value.referred()
            inner = strip(value.type)
        if isinstance(inner, ArrayType) and not inner.vector:
            pointer = self.model.pointer(inner.element)
            return from_number(pointer, self.address(value), self.ctx.read)
        if isinstance(inner, FunctionType):
            return from_number(self.model.pointer(value.type), int(value), self.ctx.read)
        return value

    def address(self, value: Value) -> int:
        """Return where a value lives, moving it into the program if it is only ours."""
        addr = value.addr
        return self.ctx.allocate(value.data) if addr is None else addr

    def operand(self, tree: nodes.Node) -> Value:
        """Return a value with arrays and functions turned into pointers."""
        return self.decayed(self.value(tree))

    def type_of(self, tree: nodes.Node) -> CType:
        """Return the type of an expression without evaluating it."""
        from pydbg.expr.typesonly import TypeEvaluator

        return TypeEvaluator(self.ctx).value(tree).type

    # -- leaves

    def literal(self, tree: nodes.Literal) -> Value:
        return literals.integer(tree, self.model)

    def float_literal(self, tree: nodes.FloatLiteral) -> Value:
        return literals.floating(tree, self.model)

    def string(self, tree: nodes.StringLiteral) -> Value:
        return literals.string(tree, self.model)

    def name(self, tree: nodes.Name) -> Value:
        if tree.name in ("true", "false") and self.ctx.language.bool_comparisons:
            return self.truth_value(tree.name == "true")
        if "::" in tree.name and self.ctx.language.operators:
            member = class_member(self, tree.name, address=False)
            if member is not None:
                return member
        value = self.ctx.symbol(tree.name)
        if value is None:
            error = self.ctx.unknown(tree)
            if self.types_only and not isinstance(error, NoSymbol):
                return Value(NamespaceType(tree.name), b"")
            raise error
        return value

    def dollar(self, tree: nodes.Dollar) -> Value:
        name = tree.name
        value = self.ctx.register(name)
        if value is None:
            value = self.ctx.convenience(name)
        if value is None:
            if self.internal(name) is not None:
                return Value(InternalFunctionType(name), b"\0")
            return Value(VoidType(), b"\0", _convenience(name))
        if value.lvalue is None:
            return Value(value.type, value.data, _convenience(name), self.ctx.read)
        return value

    def internal(self, name: str) -> InternalFunction | None:
        """Return the convenience function of a name, None where there is none."""
        return self.ctx.function(name) or self.ctx.language.functions.get(name) or BUILTIN.get(name)

    def history(self, tree: nodes.History) -> Value:
        return self.ctx.history(tree.number, tree.relative)

    # -- operators

    def unary(self, tree: nodes.Unary) -> Value:
        op = tree.op
        if op == "&":
            return self._address_of(tree)
        value = self.value(tree.operand)
        overloaded = op != "*" or self.ctx.language.overloads_deref
        if overloaded and is_object(value.referred()):
            held = self.pointed(value) if op == "*" else value
            if held is value:
                return operated(self, op, [value])
            value = held
        if op == "*":
            return self._deref(self.decayed_for_deref(value))
        if op == "!":
            return self.truth_value(not self.truth(value))
        return negate(op, self.decayed(value), self.model)

    def decayed_for_deref(self, value: Value) -> Value:
        """Decay an array; a function stays what it is (``*main`` is ``main``)."""
        value = value.referred()
        return value if isinstance(strip(value.type), FunctionType) else self.decayed(value)

    def _deref(self, value: Value) -> Value:
        inner = strip(value.type)
        if isinstance(inner, FunctionType):
            return value
        if self._may_be_address(inner):
            # gdb lets an integer be an address; what is there is then a long.
            return Value.at(self.model.long, self._pointer(int(value)), self.ctx.read)
        if isinstance(inner, PointerType):
            value.data  # noqa: B018  what cannot be read is the first complaint
            if isinstance(strip(inner.target), VoidType):
                raise ExprError("Attempt to dereference a generic pointer.")
            return Value.at(inner.target, int(value), self.ctx.read)
        if isinstance(inner, MemberPointerType):
            raise ExprError("Attempt to dereference pointer to member without an object")
        raise ExprError("Attempt to take contents of a non-pointer value.")

    @staticmethod
    def _may_be_address(ctype: CType) -> bool:
        return is_integral(ctype) and not isinstance(ctype, (BoolType, EnumType, FlagsType))

    def _pointer(self, number: int) -> int:
        return number & ((1 << (8 * self.model.pointer_size)) - 1)

    def _address_of(self, tree: nodes.Unary) -> Value:
        member = self.class_member_at(tree)
        if member is not None:
            return member
        if isinstance(tree.operand, nodes.Unary) and tree.operand.op == "*":
            pointer = self.value(tree.operand.operand).referred()
            if isinstance(strip(pointer.type), PointerType):  # &*p is p, with its own type.
                return pointer if pointer.is_gone else Value(pointer.type, pointer.data)
        value = self.any_value(tree.operand).referred()
        if isinstance(tree.operand, nodes.StringLiteral):
            addr: int | None = self.address(value)
        else:
            addr = value.addr
        if addr is None and isinstance(tree.operand, nodes.Name):
            raise ExprError(_no_address(tree.operand.name, value))
        if addr is None:
            raise ExprError("Attempt to take address of value not located in memory.")
        if value.lvalue is not None and value.lvalue.bit_size:
            raise ExprError("Attempt to take address of value not located in memory.")
        return from_number(self.model.pointer(value.type), addr, self.ctx.read)

    def class_member_at(self, tree: nodes.Unary) -> Value | None:
        """Return the pointer to a member that ``&Class::member`` is, None for other operands."""
        named = tree.operand.name if isinstance(tree.operand, nodes.Name) else ""
        if "::" not in named or not self.ctx.language.operators:
            return None
        return class_member(self, named, address=True)

    def truth_value(self, true: bool) -> Value:
        """Return the value of a comparison: an int in C, a bool in C++ (as in gdb)."""
        ctype = self.model.bool if self.ctx.language.bool_comparisons else self.model.int
        return from_number(ctype, int(true))

    def truth(self, value: Value) -> bool:
        """Return what ``if`` makes of a value."""
        return bool(self.decayed(value))

    def joined(self, op: str, left: nodes.Node, right: nodes.Node) -> bool:
        """Return what ``&&`` or ``||`` makes of two operands; the right one may not be asked."""
        result = self.truth(self.value(left))
        return self.truth(self.value(right)) if result == (op == "&&") else result

    def _joined_own(self, tree: nodes.Binary) -> Value | None:
        """Apply the program's ``&&`` or ``||``, None where both operands are no objects."""
        if not self.ctx.language.operators:
            return None
        kinds = [self.type_of(one) for one in (tree.left, tree.right)]
        if not any(is_object(Value(kind)) for kind in kinds):
            return None
        return operated(self, tree.op, [self.value(tree.left), self.value(tree.right)])

    def binary(self, tree: nodes.Binary) -> Value:
        if tree.op in ("&&", "||"):
            own = self._joined_own(tree)
            if own is not None:
                return own
            return self.truth_value(self.joined(tree.op, tree.left, tree.right))
        # A chain like 1+1+1+... is deep on its left only: walk it without recursion.
        spine: list[nodes.Binary] = [tree]
        left_tree = tree.left
        while isinstance(left_tree, nodes.Binary) and left_tree.op not in ("&&", "||"):
            spine.append(left_tree)
            left_tree = left_tree.left
        left = self.value(left_tree)
        for node in reversed(spine):
            try:
                left = self._apply(node.op, left, self.value(node.right))
            except ExprError as error:
                if error.column is None:
                    error.column = node.column
                raise
        return left

    def _apply(self, op: str, left: Value, right: Value) -> Value:
        if op == "@":
            return self._repeat(left, right)
        left, right = left.referred(), right.referred()
        if is_object(left) or is_object(right):
            return operated(self, op, [left, right])
        one, two = self.decayed(left), self.decayed(right)
        same = compared(one, two) if op in ("==", "!=") else None
        if same is not None:
            return self.truth_value(same == (op == "=="))
        if op in _COMPARE:
            return self.truth_value(compare(op, one, two, self.model))
        result = binary(op, one, two, self.model, self.ctx.warn)
        if isinstance(strip(result.type), PointerType):
            return from_number(result.type, int(result), self.ctx.read)
        return result

    def _repeat(self, left: Value, right: Value) -> Value:
        if not is_integral(right.type):
            raise ExprError('Non-integral right operand for "@" operator.')
        addr = left.addr
        if addr is None:
            raise ExprError("Only values in memory can be extended with '@'.")
        count = int(right)
        if count < 1:
            raise ExprError(f"Invalid number {count} of repetitions.")
        result = Value.at(self.model.array(left.type, count), addr, self.ctx.read)
        result.check_size()
        return result

    def incdec(self, tree: nodes.IncDec) -> Value:
        old = self.value(tree.operand)
        old.data  # noqa: B018  what was there before, not after
        if is_object(old) and self.ctx.language.operators:
            more = [] if tree.prefix else [from_number(self.model.int, 0)]
            return operated(self, 2 * tree.op, [old, *more])
        if not is_scalar(old.type) and not isinstance(strip(old.type), ArrayType):
            raise ExprError("Not a numeric type.")
        one = from_number(self.model.int, 1)
        new = assign(old, self._apply(tree.op, old, one), self.ctx, self.decayed)
        return new if tree.prefix else Value(old.type, old.data, None, old.reader)

    def assignment(self, tree: nodes.Assign) -> Value:
        left = self.value(tree.left).referred()
        if isinstance(tree.left, nodes.Dollar) and left.is_gone:
            left = Value(left.type, b"", _convenience(tree.left.name))
        right = self.value(tree.right).referred()
        if tree.op and self.ctx.language.operators and (is_object(left) or is_object(right)):
            return operated(self, f"{tree.op}=", [left, right])
        if tree.op:
            right = self._apply(tree.op, left, right)
        return assign(left, right, self.ctx, self.decayed)

    def conditional(self, tree: nodes.Conditional) -> Value:
        return self.value(tree.yes if self.truth(self.value(tree.test)) else tree.no)

    def comma(self, tree: nodes.Comma) -> Value:
        self.value(tree.left)
        return self.value(tree.right)

    # -- types

    def cast_to(self, tree: nodes.CastTo) -> Value:
        ctype = self.type(tree.type)
        if isinstance(tree.operand, nodes.Call):
            return self._called(tree.operand, ctype)
        value = self.any_value(tree.operand).referred()
        if isinstance(value.type, NoDebugType):
            # gdb reads a symbol of unknown type as what it is cast to.
            assert value.addr is not None
            data = Value.at(ctype, value.addr, self.ctx.read).data
            return Value(ctype, data, None, self.ctx.read)
        inner = strip(value.type)
        if not isinstance(strip(ctype), (ArrayType, StructType)) and isinstance(inner, ArrayType):
            value = self.decayed(value)
        made = cast_in(ctype, value, self.ctx)
        if isinstance(strip(ctype), PointerType):
            return from_number(ctype, int(made), self.ctx.read)
        return made

    def typed_memory(self, tree: nodes.TypedMemory) -> Value:
        ctype = self.type(tree.type)
        value = self.operand(tree.operand)
        return Value.at(ctype, self._pointer(int(value)), self.ctx.read)

    def sizeof(self, tree: nodes.SizeOf) -> Value:
        if isinstance(tree.of, nodes.TypeName):
            ctype = self.type(tree.of)
        else:
            ctype = self.type_of(tree.of)
        if isinstance(strip(ctype), ReferenceType):
            referring = strip(ctype)
            assert isinstance(referring, ReferenceType)
            ctype = referring.target
        if not tree.align:
            return from_number(self.model.int, ctype.size)
        inner = strip(ctype)
        while isinstance(inner, ArrayType):
            inner = strip(inner.element)
        return from_number(self.model.ulong, inner.size)

    def type_expr(self, tree: nodes.TypeExpr) -> Value:
        only = tree.type.only_value(self.type(tree.type))
        if only is not None:
            return only
        raise ExprError(tree.type.misused, tree.column)

    # -- access

    def index(self, tree: nodes.Index) -> Value:
        base = self.value(tree.base).referred()
        if is_object(base):
            at = self.value(tree.index).referred()
            found = self.ctx.item(base, at) or self.ctx.method(base, "operator[]", [at])
            return operated(self, "[]", [base, at]) if found is None else found
        index = self.operand(tree.index)
        inner = strip(base.type)
        if not isinstance(inner, (ArrayType, PointerType)):
            if not inner.name:
                raise ExprError("cannot subscript requested type")
            raise ExprError(f"cannot subscript something of type `{inner.name}'")
        if not is_integral(index.type):
            raise ExprError("Argument to arithmetic operation not a number or boolean.")
        if isinstance(inner, PointerType):
            step = binary("+", base, index, self.model, self.ctx.warn)
            return self._deref(step)
        return base.element(int(index))

    def pointed(self, value: Value) -> Value:
        """Return the pointer that a smart one holds; other values as they are."""
        referred = value.referred()
        held = self.ctx.pointer(referred) if is_object(referred) else None
        return value if held is None else held

    def object(self, tree: nodes.Member, *, called: bool = False) -> Value:
        """Return what a member is asked of: behind ``->`` what is pointed to."""
        base = self.value(tree.base).referred()
        if tree.arrow:
            base = self.arrowed(base)
        inner = strip(base.type)
        if isinstance(inner, PointerType):
            base = self._deref(base)  # gdb: "Attempt to dereference a generic pointer."
        if isinstance(strip(base.type), StructType):
            return base
        kind = f"structure{' pointer' if tree.arrow else ''}."
        if called:
            kind = "struct or union"
        raise ExprError(f"Attempt to extract a component of a value that is not a {kind}")

    def arrowed(self, value: Value) -> Value:
        """Return the pointer that ``->`` of a C++ object gives, by its own operators."""
        for _ in range(20):
            held = self.pointed(value)
            if held is not value or not is_object(value) or not self.ctx.language.operators:
                return held
            try:
                value = operated(self, "->", [value]).referred()
            except NoOperator as error:
                if str(error).startswith("No symbol"):
                    return value
                raise
        return value

    def scoped(self, base: Value, name: str) -> tuple[Value, str]:
        """Return the part of an object that ``Class::name`` is looked for in, and the name."""
        head, _, last = name.rpartition("::")
        if not head:
            return base, name
        owner = self.ctx.type_named(head)
        if owner is None:
            raise NoSymbol(self.ctx.language.no_symbol(head), head)
        part = upcast(base, owner)
        if part is None:
            raise ExprError(f"'{head}' is not a base class of '{strip(base.type).name}'")
        return part, last

    def member(self, tree: nodes.Member) -> Value:
        return self.member_of(*self.scoped(self.object(tree), tree.name))

    def member_of(self, base: Value, name: str) -> Value:
        """Return a member of an object, the function of a method."""
        if methods.has_method(base, name):
            return methods.bound(base, name, None, self.ctx, virtual=False)[0]
        inner = strip(base.type)
        assert isinstance(inner, StructType)
        check_member(inner, name)
        return self.ctx.member(base, name)

    def array_literal(self, tree: nodes.ArrayLiteral) -> Value:
        items = [self.value(item) for item in tree.items]
        if not items:
            raise ExprError("bad array bounds (0, -1)")
        if len({item.type.size for item in items}) > 1:
            raise ExprError("array elements must all be the same size")
        data = b"".join(item.data for item in items)
        return Value(self.model.array(items[0].type, len(items)), data)

    # -- calls

    def call(self, tree: nodes.Call) -> Value:
        return self._called(tree, None)

    def invoke(self, function: Value, args: list[Value]) -> Value:
        """Call a function whose type is known."""
        return invoke(self, function, args)

    def _called(self, tree: nodes.Call, result: CType | None) -> Value:
        return called(self, tree, result)


def _no_address(name: str, value: Value) -> str:
    """Say why a variable has no address (valops.c, address_of_variable)."""
    lvalue = value.lvalue
    if lvalue is not None and lvalue.kind == "register":
        return f'Address requested for identifier "{name}" which is in register ${lvalue.name}'
    return f"Can't take address of \"{name}\" which isn't an lvalue."


def _convenience(name: str) -> Lvalue:
    return Lvalue("convenience", 0, name)


# By name: a subclass may answer in another way.
_HANDLERS: dict[type[nodes.Node], str] = {
    nodes.Literal: "literal",
    nodes.FloatLiteral: "float_literal",
    nodes.StringLiteral: "string",
    nodes.Name: "name",
    nodes.Dollar: "dollar",
    nodes.History: "history",
    nodes.Unary: "unary",
    nodes.IncDec: "incdec",
    nodes.Binary: "binary",
    nodes.Assign: "assignment",
    nodes.Conditional: "conditional",
    nodes.Comma: "comma",
    nodes.CastTo: "cast_to",
    nodes.TypedMemory: "typed_memory",
    nodes.SizeOf: "sizeof",
    nodes.TypeExpr: "type_expr",
    nodes.Index: "index",
    nodes.Member: "member",
    nodes.ArrayLiteral: "array_literal",
    nodes.Call: "call",
}
