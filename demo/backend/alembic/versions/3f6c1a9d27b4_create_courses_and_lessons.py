"""create courses and lessons

Revision ID: 3f6c1a9d27b4
Revises: 
Create Date: 2025-09-02 10:14:38.512047

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = '3f6c1a9d27b4'
down_revision: Union[str, Sequence[str], None] = None
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.create_table('course',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.String(length=80), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('summary', sa.Text(), server_default='', nullable=False),
    sa.Column('level', sa.String(length=20), server_default='beginner', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name='pk_course'),
    sa.UniqueConstraint('slug', name='uq_course_slug')
    )
    op.create_index('ix_course_level', 'course', ['level'], unique=False)
    op.create_table('lesson',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('course_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name='fk_lesson_course_id_course', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name='pk_lesson'),
    sa.UniqueConstraint('course_id', 'position', name='uq_lesson_course_id_position')
    )


def downgrade() -> None:
    op.drop_table('lesson')
    op.drop_index('ix_course_level', table_name='course')
    op.drop_table('course')
